package account

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
)

const (
	// settleTime bounds how long servers may take to agree after a push, and those who pushed at the same time to find out who
	// has won.
	settleTime = 10 * time.Second
	// quietTime is how long nobody may have pushed for this change to count as lost: the other one, if it is the one to give way, waits
	// for the next second before it pushes again what it has overwritten.
	quietTime = 2 * time.Second
	// settlePause is between two looks at the servers meanwhile.
	settlePause = 100 * time.Millisecond
	// attempts is how often a change starts anew where others push while it looks the account up.
	attempts = 5
)

// Result is what a push or a delete came to.
type Result struct {
	// Token is the JWT that the servers have, empty after a delete.
	Token     string
	Account   *Account
	Signature Signature
	// Changed is false if there was nothing to do.
	Changed bool
	// Missing are the servers that did not answer. They get the account from the others once they run.
	Missing []string
}

// Change replaces an account, or creates it. What change returns is signed with a later time of issue than what is stored, pushed
// to all servers and read back. It gets a copy of what is stored, nil if there is nothing, and returns nil if there is nothing to do; it may
// be called again where others push meanwhile, and must not use the resolver.
//
// Changes of one account wait for each other in this process. Of others who push the account at the same time, at most one
// succeeds, and no success is undone: who has overwritten a push that it did not know of pushes that again and fails.
//
// Errors: [*ConflictError], [*UntrustedIssuerError], [*RejectedError], [*NotPushableError], [*ClockError] if the stored JWT is from the future,
// [*UncertainError] after a push whose effect could not be read, those of change and those of [Resolver.Lookup].
func (r *Resolver) Change(
	ctx context.Context, publicKey string, signer *Signer, change func(stored *Stored) (*Account, error),
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
	ctx context.Context, publicKey string, signer *Signer, change func(stored *Stored) (*Account, error),
) (*Result, error) {
	for attempt := 1; ; attempt++ {
		c := &changing{resolver: r, publicKey: publicKey, signer: signer}
		result, err := c.run(ctx, change)
		if !errors.Is(err, errAgain) || attempt == attempts {
			return result, err
		}
	}
}

// errAgain says that nothing was pushed, and that the change should start anew.
var errAgain = errors.New("the account did not hold still while it was looked up")

// changing is one attempt to change an account.
type changing struct {
	resolver  *Resolver
	publicKey string
	signer    *Signer
	survey    *survey
	record    *record
	stored    *Stored

	// pushes is how many pushes have been seen, noticed when the last of them was.
	pushes  int
	noticed time.Time
}

func (c *changing) run(ctx context.Context, change func(*Stored) (*Account, error)) (result *Result, err error) {
	if c.survey, err = c.resolver.survey(ctx, surveyAge); err != nil {
		return nil, err
	}
	if err := c.survey.trusts(c.signer.PublicKey()); err != nil {
		return nil, err
	}
	if c.record, err = c.resolver.record(ctx, c.publicKey); err != nil {
		return nil, err
	}
	defer c.record.close()
	if err := c.lookup(ctx); err != nil {
		return nil, err
	}

	wanted, err := change(c.stored)
	if err != nil {
		return nil, err
	}
	if wanted == nil {
		return c.unchanged(), nil
	}
	if wanted.PublicKey != c.publicKey {
		return nil, fmt.Errorf("the claims are those of %q, and not of the account %s that is to be changed", wanted.PublicKey, c.publicKey)
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
	if own, err = c.settle(ctx, own); err != nil {
		return nil, err
	}
	return &Result{
		Token: own.token, Account: own.account, Signature: own.signature, Changed: true, Missing: c.survey.missing(answered),
	}, nil
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
	if c.overtaken() != nil {
		return errAgain // some servers may have answered before that push, and others after it
	}
	return nil
}

// lookAgain looks whether servers still have what the change was made from, after which all pushes that any of them had processed are
// seen here. What comes then comes after what is pushed here, but for the time that a message takes.
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
func (c *changing) sign(ctx context.Context, a *Account, after time.Time) (push, error) {
	token, err := a.Sign(ctx, c.signer, c.resolver.clock, after)
	if err != nil {
		return push{}, err
	}
	account, signature, err := DecodeAccount(token)
	if err != nil {
		return push{}, err
	}
	return push{token: token, account: account, signature: signature, own: true}, nil
}

// updateAnswer is what a server answers to a push or a delete.
type updateAnswer struct {
	Server serverInfo `json:"server"`
	Error  *struct {
		Description string `json:"description"`
	} `json:"error"`
}

// push sends a JWT to all servers, and returns who has accepted it.
func (c *changing) push(ctx context.Context, p push) ([]serverInfo, error) {
	c.record.pushing(p.token)
	answers, err := c.resolver.system.gather(ctx, subjectUpdate, []byte(p.token), atLeast(c.survey.answering()))
	if errors.Is(err, nats.ErrNoResponders) {
		return nil, c.resolver.notPushable(ctx, c.survey)
	}
	if _, refused := errors.AsType[*natsconn.PermissionError](err); refused {
		return nil, err
	}
	if err != nil {
		return nil, &UncertainError{Account: c.publicKey, Err: err}
	}
	accepted, rejected, err := readUpdates(subjectUpdate, answers)
	if err == nil && rejected != nil {
		err = rejected
	}
	return accepted, err
}

// readUpdates tells who has accepted a push or a delete, and the first refusal.
func readUpdates(subject string, answers []*nats.Msg) (accepted []serverInfo, rejected *RejectedError, err error) {
	var names []string
	for _, msg := range answers {
		var answer updateAnswer
		if err := json.Unmarshal(msg.Data, &answer); err != nil {
			return nil, nil, fmt.Errorf("answer to %s: %w", subject, err)
		}
		switch {
		case answer.Error == nil:
			accepted, names = append(accepted, answer.Server), append(names, answer.Server.Name)
		case rejected == nil:
			rejected = &RejectedError{Server: answer.Server.Name, Text: answer.Error.Description}
		}
	}
	if rejected != nil {
		rejected.Accepted = names
	}
	return accepted, rejected, nil
}

// settle waits until all servers have the same, and returns it if it is what this change wants.
//
// Two who push at the same time each see the other's push, or one of them is done before the other one pushes; then the other sees that
// push first, because every server passes pushes on before it answers. So:
//   - who sees a foreign push before its own has overwritten what may have been reported as a success, and pushes that again;
//   - otherwise the newer one is to win, and the one that pushed it sees to that. The other waits for what the servers agree on.
func (c *changing) settle(ctx context.Context, own push) (push, error) {
	deadline := c.resolver.clock.Now().Add(settleTime)
	for {
		found, err := c.resolver.lookup(ctx, c.survey, c.publicKey)
		if err != nil {
			return own, &UncertainError{Account: c.publicKey, Err: err}
		}
		if !c.record.intact() {
			return own, &UncertainError{Account: c.publicKey, Err: errLost}
		}
		seen := c.record.seen()
		if c.pushes < len(seen) {
			c.pushes, c.noticed = len(seen), c.resolver.clock.Now()
		}
		if overwritten := foreign(before(seen)); overwritten != nil && !c.isStored(overwritten) {
			return own, c.restore(ctx, *overwritten, seen)
		}
		other := foreign(seen)
		if other == nil || c.isStored(other) {
			if found.same(own.account) {
				return own, nil
			}
		} else if done, err := c.decide(found, &own, seen); done {
			return own, err
		} else if newest(seen).own {
			if own, err = c.sign(ctx, own.account, newest(append(seen, found.stored...)).signature.IssuedAt); err != nil {
				return own, err
			}
			if _, err = c.push(ctx, own); err != nil {
				return own, err
			}
		}
		if c.resolver.clock.Now().After(deadline) {
			if other != nil && !c.isStored(other) {
				return own, other.conflict(c.publicKey, true)
			}
			return own, &UncertainError{Account: c.publicKey, Err: errors.New("servers do not agree on what they store")}
		}
		if err := c.resolver.clock.Wait(ctx, settlePause); err != nil {
			return own, &UncertainError{Account: c.publicKey, Err: err}
		}
	}
}

// isStored tells whether the push is the one that this change is based on.
func (c *changing) isStored(p *push) bool { return c.stored != nil && p.token == c.stored.Token }

// decide tells whether the servers agree on the newest of all pushes, and whether that is what this change wants.
func (c *changing) decide(found found, own *push, seen []push) (done bool, err error) {
	last := newest(seen)
	agreed, err := found.newest()
	deleted := err != nil
	switch {
	case !deleted && (agreed.Behind > 0 || agreed.Token != last.token):
		return false, nil
	case !deleted && own.account.Equal(agreed.Account):
		*own = last
		return true, nil
	case c.resolver.clock.Now().Sub(c.noticed) < quietTime:
		return false, nil
	}
	return true, foreign(seen).conflict(c.publicKey, true)
}

// restore pushes claims again that this change has overwritten, and returns the conflict.
func (c *changing) restore(ctx context.Context, overwritten push, seen []push) error {
	conflict := overwritten.conflict(c.publicKey, true)
	if overwritten.token == "" {
		return conflict // a deletion: the account is there again, which the next look shows
	}
	theirs, err := c.sign(ctx, overwritten.account, newest(seen).signature.IssuedAt)
	if err == nil {
		_, err = c.push(ctx, theirs)
	}
	if err != nil {
		return errors.Join(conflict, fmt.Errorf("pushing the other claims again: %w", err))
	}
	found, err := c.resolver.lookup(ctx, c.survey, c.publicKey)
	conflict.Restored = err == nil && found.same(theirs.account)
	return conflict
}
