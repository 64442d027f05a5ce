package resolver

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
)

// lostPause is how long a change waits before it starts anew because the connection was lost.
const lostPause = 100 * time.Millisecond

// past is what the attempts at one change have done so far.
type past struct {
	// pushed are the tokens that were sent, whatever became of them.
	pushed []string
	// uncertain is the last push whose outcome is not known, nil if there is none.
	uncertain *UncertainError
	// looked is set once the account was looked up, which found before.
	looked bool
	before *Stored
}

// look takes note of what servers store. A push that they do not store has not reached them.
func (p *past) look(stored *Stored) {
	if !p.looked {
		p.looked, p.before = true, stored
	}
	if p.uncertain != nil && (stored == nil || stored.Token != p.uncertain.Token) {
		p.uncertain = nil
	}
}

// tell returns the error that a change ends with: a push whose outcome is not known must not be passed over.
func (p *past) tell(err error) error {
	if _, told := errors.AsType[*UncertainError](err); err == nil || told || p.uncertain == nil {
		return err
	}
	return &UncertainError{Account: p.uncertain.Account, Token: p.uncertain.Token, Err: err}
}

// startsAnew reports whether a change that has failed starts anew: the servers were lost, or did not answer, and may be
// back. It waits a little before.
func (r *Resolver) startsAnew(ctx context.Context, err error) bool {
	return natsconn.Waits(ctx) && natsconn.IsTransient(err) && r.clock.Wait(ctx, lostPause) == nil
}

// arrived reports whether the servers store what an earlier attempt has pushed.
func (c *changing) arrived() bool {
	return c.stored != nil && slices.Contains(c.past.pushed, c.stored.Token)
}

// resume goes on with what an earlier attempt has pushed and the servers store. Servers that lack it get it again.
func (c *changing) resume(ctx context.Context) (*Result, error) {
	own := push{token: c.stored.Token, account: c.stored.Account, signature: c.stored.Signature, own: true}
	answered := c.survey.up()
	if c.stored.Behind > 0 {
		var err error
		if own, err = c.sign(ctx, own.account, own.signature.IssuedAt); err != nil {
			return nil, err
		}
		if answered, err = c.push(ctx, own); err != nil {
			return nil, err
		}
	}
	return c.finish(ctx, own, answered)
}

// finish waits until the servers agree on what was pushed, which these have accepted.
func (c *changing) finish(ctx context.Context, own push, answered []serverInfo) (*Result, error) {
	own, err := c.settle(ctx, own)
	if err != nil {
		return nil, err
	}
	c.resolver.directory.note(c.publicKey, own.account.Name)
	result := &Result{
		Token: own.token, Account: own.account, Signature: own.signature, Changed: true, Missing: c.survey.missing(answered),
		NotLoaded: c.introduce(ctx, own.account),
	}
	result.Ineffective, result.EffectUnknown = c.ineffective(ctx, own.account)
	return result, nil
}
