package resolver

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
)

const (
	// settleTime bounds how long servers may take to agree after a push, and those who pushed at the same time to find out
	// who has won.
	settleTime = 20 * time.Second
	// settlePause is between two looks at the servers meanwhile.
	settlePause = 100 * time.Millisecond
	// quietTime is how long nobody may have pushed before someone who was not alone trusts what the servers agree on. Who
	// has to push again may have to wait a second, since a JWT that replaces another one is issued in a later one.
	quietTime = 2 * time.Second
	// abandonedTime is how long the one who should push again may stay silent before others do it.
	abandonedTime = 2 * quietTime
)

// settling is what becomes of an account after this change has pushed it.
type settling struct {
	*changing
	// own is what this change wants, as it was signed last.
	own push
	// overwritten is what this change has pushed over unknowingly, nil if nothing.
	overwritten *push
	// pushes is how many pushes have been seen, noticed when the last of them was.
	pushes  int
	noticed time.Time
}

// settle waits until all servers have the same, and returns it if it is what this change wants.
//
// Only others that do not take turns can come in between here. Servers store what arrives last, each in its own order,
// and of two JWTs that were issued in one second each keeps its own for ever. So:
//   - who sees a foreign push before its own has overwritten what may have been reported as a success: it pushes the first of them again;
//   - who is not alone waits until nobody has pushed for a while, and until the servers agree on the newest; who has pushed that sees to it;
//   - then it has won if the servers have what it wants.
func (c *changing) settle(ctx context.Context, own push) (push, error) {
	s := &settling{changing: c, own: own, noticed: c.resolver.clock.Now()}
	deadline := c.resolver.clock.Now().Add(settleTime)
	for {
		done, err := s.step(ctx)
		if done {
			return s.own, err
		}
		if err == nil && c.resolver.clock.Now().After(deadline) {
			err = errors.New("the servers do not agree on what they store")
		}
		if err == nil {
			err = c.resolver.clock.Wait(ctx, settlePause)
		}
		if err != nil {
			return s.own, c.uncertain(s.own, err)
		}
	}
}

// step looks once at the servers and at what others push. It is done with success, or with a [*ConflictError].
func (s *settling) step(ctx context.Context) (done bool, err error) {
	found, err := s.resolver.lookup(ctx, s.survey, s.publicKey)
	if err != nil {
		return false, err
	}
	if !s.record.intact() {
		return false, errLost
	}
	seen := s.since()
	if s.pushes < len(seen) {
		s.pushes, s.noticed = len(seen), s.resolver.clock.Now()
	}
	if foreign(seen) == nil && found.same(s.own.account) {
		return true, nil
	}
	if s.overwritten == nil {
		if first := before(seen); len(first) > 0 {
			s.overwritten = &first[0]
			return false, s.giveBack(ctx, found, seen)
		}
	}
	last, quiet := latest(found, seen), s.resolver.clock.Now().Sub(s.noticed)
	if found.agrees(last.token) {
		if quiet < quietTime {
			return false, nil
		}
		return true, s.verdict(last, seen)
	}
	if last.token != "" && (last.own || quiet > abandonedTime) {
		return false, s.pushAgain(ctx, last.account, found, seen)
	}
	return false, nil
}

// since returns the pushes that were seen after what this change is based on.
func (s *settling) since() []push {
	seen := s.record.seen()
	for i, p := range slices.Backward(before(seen)) {
		if s.stored != nil && p.token == s.stored.Token {
			return seen[i+1:]
		}
	}
	return seen
}

// latest returns what all servers should have in the end: the newest JWT, or none after a deletion.
func latest(found found, seen []push) push {
	if len(seen) > 0 && seen[len(seen)-1].token == "" {
		return push{}
	}
	all := slices.Concat(seen, found.stored) // the seen ones first, since they know whose they are
	if len(all) == 0 {
		return push{}
	}
	return newest(all)
}

// agrees tells whether all servers have this, or nothing if it is empty.
func (f found) agrees(token string) bool {
	if token == "" {
		return len(f.stored) == 0
	}
	return f.empty == 0 && !slices.ContainsFunc(f.stored, func(p push) bool { return p.token != token })
}

// giveBack brings back what this change has overwritten.
func (s *settling) giveBack(ctx context.Context, found found, seen []push) error {
	if s.overwritten.token != "" {
		return s.pushAgain(ctx, s.overwritten.account, found, seen)
	}
	_, err := s.resolver.requestDelete(ctx, s.survey, s.publicKey, s.signer)
	return err
}

// pushAgain signs claims so that they are the newest of all, and pushes them.
func (s *settling) pushAgain(ctx context.Context, a *claims.Account, found found, seen []push) error {
	again, err := s.sign(ctx, a, newest(slices.Concat(seen, found.stored)).signature.IssuedAt)
	if err != nil {
		return err
	}
	_, err = s.push(ctx, again)
	return err
}

// verdict tells whether what the servers agree on is what this change wants.
func (s *settling) verdict(last push, seen []push) error {
	if last.token != "" && s.own.account.Equal(last.account) {
		s.own = last
		return nil
	}
	other := s.overwritten
	if other == nil {
		other = foreign(seen)
	}
	if other == nil {
		other = &last // a server that was away has brought something newer
	}
	conflict := other.conflict(s.publicKey, true)
	conflict.Restored = s.overwritten != nil &&
		(last.token == "" && other.token == "" || last.token != "" && other.token != "" && other.account.Equal(last.account))
	return conflict
}
