package resolver

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"

	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// outcome is what one writer's change came to.
type outcome struct {
	result *Result
	err    error
	// wanted is the description that it set, seen the one that it found last.
	wanted, seen string
}

// race lets all resolvers describe the account at the same time.
func race(t *testing.T, resolvers []*Resolver, account string, signer *claims.Signer, round int) []outcome {
	t.Helper()
	ctx := resolverContext(t)
	outcomes := make([]outcome, len(resolvers))
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i, r := range resolvers {
		o := &outcomes[i]
		o.wanted = fmt.Sprintf("writer %d in round %d", i, round)
		wg.Go(func() {
			<-start
			o.result, o.err = r.Change(ctx, account, signer, func(stored *Stored) (*claims.Account, error) {
				o.seen = stored.Account.Description
				return described(o.wanted)(stored)
			})
		})
	}
	close(start)
	wg.Wait()
	return outcomes
}

func TestWatchConcurrentWriters(t *testing.T) {
	t.Parallel()
	const rounds = 4
	for _, at := range [][]int{{0, 1}, {0, 0}, {0, 1, 2, 0}} {
		t.Run(fmt.Sprint(at), func(t *testing.T) {
			t.Parallel()
			operator := newLabOperator(t)
			c := natslab.Cluster(t, 3, natslab.OperatorMode(operator), natslab.NoJetStream(),
				natslab.ResolverMode(natslab.Resolver{Interval: syncInterval}))
			signer := newLabSigner(t, operator.SigningKeySeed())
			var resolvers []*Resolver
			for _, i := range at {
				resolvers = append(resolvers, resolverAt(t, operator.SystemAccount(), nil, c.Servers()[i].URLs()...))
			}
			a := newAccount(t, "one")
			mustChange(t, resolvers[0], a.PublicKey, signer, to(a))
			for round := range rounds {
				outcomes := race(t, resolvers, a.PublicKey, signer, round)
				stored, err := resolvers[0].Lookup(resolverContext(t), a.PublicKey)
				if err != nil || stored.Behind > 0 {
					t.Fatalf("round %d: %+v, %v after %+v", round, stored, err, outcomes)
				}
				judge(t, outcomes, stored.Account.Description)
			}
		})
	}
}

// judge checks that the writers came one after the other: all succeeded, each but the last was seen by another, and the
// servers have what the last one wanted.
func judge(t *testing.T, outcomes []outcome, final string) {
	t.Helper()
	last := map[string]bool{}
	for _, o := range outcomes {
		if o.err != nil {
			t.Errorf("%s: %v", o.wanted, o.err)
		}
		last[o.wanted] = true
	}
	for _, o := range outcomes {
		delete(last, o.seen)
	}
	if len(last) != 1 || !last[final] {
		t.Errorf("the servers have %q after %+v", final, outcomes)
	}
}

// foreignPush is how someone else changes an account: with a subject and what is sent to it.
type foreignPush struct {
	name, subject string
	deletes       bool
}

func TestWatchRefusesWhatOthersHaveOvertaken(t *testing.T) {
	t.Parallel()
	operator := newLabOperator(t)
	c := natslab.Cluster(t, 3, natslab.OperatorMode(operator), natslab.NoJetStream())
	signer := newLabSigner(t, operator.SigningKeySeed())
	r := resolverAt(t, operator.SystemAccount(), nil, c.Servers()[0].URLs()...)
	other := resolverAt(t, operator.SystemAccount(), nil, c.Servers()[2].URLs()...)
	for _, tt := range []foreignPush{
		{"by the subject for all accounts", subjectUpdate, false},
		{"by the subject of the account", "$SYS.REQ.ACCOUNT.%s.CLAIMS.UPDATE", false},
		{"by the old subject", "$SYS.ACCOUNT.%s.CLAIMS.UPDATE", false},
		{"a deletion", subjectDelete, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ctx := resolverContext(t)
			a := newAccount(t, "one")
			stored := mustChange(t, r, a.PublicKey, signer, to(a))
			theirs := tt.token(t, a, stored, signer)
			_, err := r.Change(ctx, a.PublicKey, signer, func(stored *Stored) (*claims.Account, error) {
				subject := strings.Replace(tt.subject, "%s", a.PublicKey, 1)
				if _, err := other.system.gather(ctx, subject, []byte(theirs), atLeast(3)); err != nil {
					t.Errorf("the other push: %v", err)
				}
				return described("ours")(stored)
			})
			var conflict *ConflictError
			if !errors.As(err, &conflict) || conflict.Pushed || (conflict.Issuer == "") != tt.deletes {
				t.Errorf("%v, want a conflict before the push", err)
			}
			if tt.deletes {
				theirs = ""
			}
			for _, s := range c.Servers() {
				if inStore(t, s, a.PublicKey) != theirs {
					t.Errorf("%s has not what the other one left", s.Name())
				}
			}
		})
	}
}

// token returns what the other one sends.
func (f foreignPush) token(t *testing.T, a *claims.Account, stored *Result, signer *claims.Signer) string {
	t.Helper()
	if f.deletes {
		token, err := signer.SignDeletion(a.PublicKey)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	theirs := *a
	theirs.Description = "theirs"
	token, err := theirs.Sign(resolverContext(t), signer, claims.SystemClock{}, stored.Signature.IssuedAt)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// TestWatchGivesWayToWhatItOverwrote lets someone else push after the last look before a push.
func TestWatchGivesWayToWhatItOverwrote(t *testing.T) {
	t.Parallel()
	operator := newLabOperator(t)
	s := natslab.Single(t, natslab.OperatorMode(operator), natslab.NoJetStream())
	signer := newLabSigner(t, operator.SigningKeySeed())
	r := resolverAt(t, operator.SystemAccount(), nil, s.URLs()...)
	for _, tt := range []foreignPush{{"a push", subjectUpdate, false}, {"a deletion", subjectDelete, true}} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			ctx := resolverContext(t)
			a := newAccount(t, "one")
			stored := mustChange(t, r, a.PublicKey, signer, to(a))
			theirs := tt.token(t, a, stored, signer)
			survey, err := r.survey(ctx, surveyAge)
			if err != nil {
				t.Fatal(err)
			}
			c := &changing{resolver: r, publicKey: a.PublicKey, signer: signer, survey: survey, past: &past{}}
			if c.record, err = r.record(ctx, a.PublicKey); err != nil {
				t.Fatal(err)
			}
			defer c.record.close()
			if err := c.lookup(ctx); err != nil {
				t.Fatal(err)
			}
			ours := *a
			ours.Description = "ours"
			own, err := c.sign(ctx, &ours, stored.Signature.IssuedAt)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := r.system.gather(ctx, tt.subject, []byte(theirs), atLeast(1)); err != nil {
				t.Fatal(err)
			}
			if _, err := c.push(ctx, own); err != nil {
				t.Fatal(err)
			}
			_, err = c.settle(ctx, own)
			var conflict *ConflictError
			if !errors.As(err, &conflict) || !conflict.Pushed || !conflict.Restored || (conflict.Issuer == "") != tt.deletes {
				t.Errorf("%v, want a conflict, and that theirs was brought back", err)
			}
			last, err := r.Lookup(ctx, a.PublicKey)
			if tt.deletes {
				if !errors.Is(err, ErrNotFound) {
					t.Errorf("the servers have %+v, %v, want nothing", last, err)
				}
			} else if err != nil || last.Account.Description != "theirs" ||
				!last.Signature.IssuedAt.After(own.signature.IssuedAt) {
				t.Errorf("the servers have %+v, %v", last, err)
			}
		})
	}
}

// TestWatchTakesTurns has another process announce its turn by hand.
func TestWatchTakesTurns(t *testing.T) {
	t.Parallel()
	operator := newLabOperator(t)
	c := natslab.Cluster(t, 3, natslab.OperatorMode(operator), natslab.NoJetStream())
	signer := newLabSigner(t, operator.SigningKeySeed())
	r := resolverAt(t, operator.SystemAccount(), nil, c.Servers()[0].URLs()...)
	other := resolverAt(t, operator.SystemAccount(), nil, c.Servers()[1].URLs()...)
	a := newAccount(t, "one")
	ctx := resolverContext(t)
	mustChange(t, r, a.PublicKey, signer, to(a))

	theirs, err := other.record(ctx, a.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.close()
	turn, err := theirs.announceTurn()
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := other.ping(ctx); err != nil { // everyone has the announcement now
		t.Fatal(err)
	}
	late := resolverAt(t, operator.SystemAccount(), nil, c.Servers()[2].URLs()...) // connects after the announcement
	for name, waiting := range map[string]*Resolver{"one that has seen it": r, "a new one": late} {
		short, cancel := context.WithTimeout(ctx, time.Second)
		_, err := waiting.Change(short, a.PublicKey, signer, described(name))
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s, in another's turn: %v", name, err)
		}
		if _, err := waiting.Change(ctx, newAccount(t, "two").PublicKey, signer, func(*Stored) (*claims.Account, error) { return nil, nil }); err != nil {
			t.Errorf("%s, another account: %v", name, err)
		}
	}
	turn.end()
	mustChange(t, r, a.PublicKey, signer, described("after it"))

	// A turn of a process that has died ends with its lease.
	line := r.system.line
	line.mu.Lock()
	line.watch.turns.open = map[string]map[string]time.Time{a.PublicKey: {"dead": time.Now().Add(-turnLease)}}
	line.mu.Unlock()
	mustChange(t, r, a.PublicKey, signer, described("after its lease"))

	mute := resolverAt(t, operator.SystemAccount(), func(claims *jwt.UserClaims) {
		claims.Pub.Deny.Add(subjectTurn("*"))
	}, c.Servers()[0].URLs()...)
	_, err = mute.Change(ctx, a.PublicKey, signer, described("mute"))
	if denied, ok := errors.AsType[*natsconn.PermissionError](err); !ok || denied.Subject != subjectTurn(a.PublicKey) {
		t.Errorf("without the permission to announce a turn: %v", err)
	}
}
