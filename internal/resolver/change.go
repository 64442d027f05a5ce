package resolver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

// attempts is how often a change starts anew where others push while it looks the account up.
const attempts = 5

// Result is what a push or a delete came to.
type Result struct {
	// Token is the JWT that the servers have, empty after a delete.
	Token     string
	Account   *claims.Account
	Signature claims.Signature
	// Changed is false if there was nothing to do.
	Changed bool
	// Missing are the servers that did not answer. They get the account from the others once they run.
	Missing []string
	// NotLoaded is why not all servers are known to have loaded an account that has JetStream from now on, nil if they
	// have. A server loads it when it first hears of a client of it, which may be while its first stream is made.
	NotLoaded error
	// Ineffective are the imports that a server does not take, although it stores the account. EffectUnknown is why they
	// are not known.
	Ineffective   []claims.Import
	EffectUnknown error
}

// Change replaces an account, or creates it. What change returns is signed with a later time of issue than what is
// stored, pushed to all servers and read back. It gets what is stored, nil if there is nothing, and returns nil if
// there is nothing to do; it may be called again where others push meanwhile, and must not use the resolver.
//
// All changes of one account by way of a Resolver wait for each other, in this process and in others, so that each sees
// what came before it. A push by another tool at the same time makes the change fail; if that push was overwritten
// without having been seen, it is brought back.
//
// In an operation that waits for servers ([natsconn.Changing]), a change whose connection is lost reads back what the
// servers store once it is there again, and goes on from that.
//
// Errors: [*ConflictError], [*UntrustedIssuerError], [*RejectedError], [*NotPushableError], [*claims.ClockError] if the
// stored JWT is from the future, [*UncertainError] after a push whose effect could not be read, or that only some
// servers have accepted, those of change and those of [Resolver.Lookup].
func (r *Resolver) Change(
	ctx context.Context, publicKey string, signer *claims.Signer, change func(stored *Stored) (*claims.Account, error),
) (*Result, error) {
	release, err := r.acquire(ctx, publicKey)
	if err != nil {
		return nil, err
	}
	defer release()
	return r.change(ctx, publicKey, signer, change)
}

// change is Change for the one who has acquired the account.
func (r *Resolver) change(
	ctx context.Context, publicKey string, signer *claims.Signer, change func(stored *Stored) (*claims.Account, error),
) (*Result, error) {
	return r.inTurn(ctx, publicKey, signer, surveyAge, func(c *changing) (*Result, error) { return c.run(ctx, change) })
}

// errAgain says that nothing was pushed, and that the change should start anew.
var errAgain = errors.New("the account did not hold still while it was looked up")

// changing is one attempt to change an account.
type changing struct {
	resolver  *Resolver
	publicKey string
	signer    *claims.Signer
	survey    *survey
	record    *record
	stored    *Stored
	// past is that of all attempts.
	past *past
}

// inTurn calls do when it is the turn of the one who has acquired the account, with servers that were surveyed within
// age, and again if it returns errAgain or the servers were lost.
func (r *Resolver) inTurn(
	ctx context.Context, publicKey string, signer *claims.Signer, age time.Duration, do func(*changing) (*Result, error),
) (*Result, error) {
	again, before := 0, &past{}
	for waits := 1; ; waits++ {
		c := &changing{resolver: r, publicKey: publicKey, signer: signer, past: before}
		turn, result, err := c.attempt(ctx, age, do)
		switch {
		case errors.Is(err, errNotMyTurn):
			if err := turn.await(ctx, r.clock, waits); err != nil {
				return nil, before.tell(fmt.Errorf("waiting for others to change the account %s: %w", publicKey, err))
			}
		case errors.Is(err, errAgain) && again < attempts:
			again++
		case r.startsAnew(ctx, err):
		default:
			return result, before.tell(err)
		}
	}
}

// attempt calls do if it is this one's turn, and returns the turn, which is over then.
func (c *changing) attempt(
	ctx context.Context, age time.Duration, do func(*changing) (*Result, error),
) (t *turn, _ *Result, err error) {
	if c.survey, err = c.resolver.survey(ctx, age); err != nil {
		return nil, nil, err
	}
	if err := c.survey.trusts(c.signer.PublicKey()); err != nil {
		return nil, nil, err
	}
	if c.record, err = c.resolver.record(ctx, c.publicKey); err != nil {
		return nil, nil, err
	}
	defer c.record.close()
	for _, token := range c.past.pushed {
		c.record.pushing(token)
	}
	if t, err = c.record.announceTurn(); err != nil {
		return nil, nil, err
	}
	defer t.end()
	if err := c.lookup(ctx); err != nil {
		return t, nil, err
	}
	// Servers without a store of accounts have not been heard of by the lookup.
	if !c.survey.allStore() {
		if _, _, err := c.resolver.ping(ctx); err != nil {
			return t, nil, err
		}
	}
	if err := t.check(); err != nil {
		return t, nil, err
	}
	result, err := do(c)
	return t, result, err
}

// run changes the account.
func (c *changing) run(ctx context.Context, change func(*Stored) (*claims.Account, error)) (*Result, error) {
	if c.arrived() {
		return c.resume(ctx)
	}
	wanted, err := change(c.stored)
	if err != nil {
		return nil, err
	}
	if wanted == nil {
		return c.unchanged(), nil
	}
	if wanted.PublicKey != c.publicKey {
		return nil, secret.Errorf("the claims are those of %q, and not of the account %s that is to be changed",
			wanted.PublicKey, c.publicKey)
	}
	var after time.Time
	if c.stored != nil {
		after = c.stored.Signature.IssuedAt
	}
	own, err := c.sign(ctx, wanted, after)
	if err != nil {
		return nil, err
	}
	if err := c.lookAgain(ctx); err != nil {
		return nil, err
	}
	answered, err := c.push(ctx, own)
	if err != nil {
		return nil, err
	}
	return c.finish(ctx, own, answered)
}

// lookup finds out what is stored.
func (c *changing) lookup(ctx context.Context) error {
	found, err := c.resolver.lookup(ctx, c.survey, c.publicKey)
	if err != nil {
		return err
	}
	c.stored, err = found.newest()
	if err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	c.past.look(c.stored)
	if c.overtaken() != nil {
		return errAgain // some servers may have answered before that push, and others after it
	}
	return nil
}

// lookAgain looks whether servers still have what the change was made from, after which all pushes that any of them had
// processed are seen here. What comes then comes after what is pushed here, but for the time that a message takes.
func (c *changing) lookAgain(ctx context.Context) error {
	found, err := c.resolver.lookup(ctx, c.survey, c.publicKey)
	if err != nil {
		return err
	}
	if other := c.overtaken(); other != nil {
		return other.conflict(c.publicKey, false)
	}
	now, err := found.newest()
	same := now != nil && c.stored != nil && now.Token == c.stored.Token || errors.Is(err, ErrNotFound) && c.stored == nil
	if !same || !c.record.intact() {
		return errAgain // a server that was away has brought something, or pushes went by unseen
	}
	return nil
}

// overtaken returns a push of someone else's that came after what is stored, nil if there is none.
func (c *changing) overtaken() *push {
	other := foreign(c.record.seen())
	if other != nil && c.stored != nil && c.stored.Token == other.token && c.stored.Behind == 0 {
		return nil // it is what was looked up
	}
	return other
}

func (c *changing) unchanged() *Result {
	result := &Result{}
	if c.stored != nil {
		result.Token, result.Account, result.Signature = c.stored.Token, c.stored.Account, c.stored.Signature
	}
	return result
}

// sign signs claims so that servers keep them rather than what was issued up to after.
func (c *changing) sign(ctx context.Context, a *claims.Account, after time.Time) (push, error) {
	token, err := a.Sign(ctx, c.signer, c.resolver.clock, after)
	if err != nil {
		return push{}, err
	}
	account, signature, err := claims.DecodeAccount(token)
	if err != nil {
		return push{}, err
	}
	return push{token: token, account: account, signature: signature, own: true}, nil
}

// push sends a JWT to all servers, and returns who has accepted it.
func (c *changing) push(ctx context.Context, p push) ([]serverInfo, error) {
	c.record.pushing(p.token)
	c.past.pushed = append(c.past.pushed, p.token)
	answers, err := c.resolver.system.gather(ctx, subjectUpdate, []byte(p.token), atLeast(c.survey.answering()))
	if errors.Is(err, nats.ErrNoResponders) {
		return nil, c.resolver.notPushable(ctx, c.survey)
	}
	if _, refused := errors.AsType[*natsconn.PermissionError](err); refused {
		return nil, err
	}
	if tooLarge, ok := errors.AsType[*natsconn.PayloadError](err); ok { // nothing was sent
		tooLarge.What = "the JWT of the account"
		return nil, tooLarge
	}
	if err != nil {
		return nil, c.uncertain(p, err)
	}
	accepted, rejected, err := readUpdates(subjectUpdate, c.publicKey, answers)
	switch {
	case err != nil:
		return nil, c.uncertain(p, err)
	case rejected != nil && len(accepted) > 0:
		return nil, c.uncertain(p, rejected) // the others get it from those who have accepted it, or cannot
	case rejected != nil:
		return nil, rejected
	}
	return accepted, nil
}

// uncertain is the error for a push that was sent.
func (c *changing) uncertain(p push, err error) error {
	c.past.uncertain = &UncertainError{Account: c.publicKey, Token: p.token, Err: err}
	return c.past.uncertain
}

// readUpdates tells who has accepted the push of an account or, without one, a delete, and the first refusal.
func readUpdates(
	subject, account string, answers []*nats.Msg,
) (accepted []serverInfo, rejected *RejectedError, err error) {
	var names []string
	for _, msg := range answers {
		reply, err := readReply(subject, msg)
		if refused, ok := errors.AsType[*RejectedError](err); ok {
			rejected = cmp.Or(rejected, refused)
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		var data struct {
			Account string `json:"account"`
			Code    int    `json:"code"`
		}
		switch err := natsconn.Unmarshal(subject, reply.data, &data); {
		case err != nil:
			return nil, nil, err
		case data.Account != account:
			return nil, nil, otherAccount(secret.Sprintf("%s of the account %q", subject, account), data.Account)
		case data.Code != http.StatusOK:
			return nil, nil, &natsconn.AnswerError{Asked: subject, Got: fmt.Sprintf("with the code %d and no error", data.Code)}
		}
		accepted, names = append(accepted, reply.server), append(names, reply.server.Name)
	}
	if rejected != nil {
		rejected.Accepted = names
	}
	return accepted, rejected, nil
}
