package account

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/nats-io/jwt/v2"

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
func race(t *testing.T, resolvers []*Resolver, account string, signer *Signer, round int) []outcome {
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
			o.result, o.err = r.Change(ctx, account, signer, func(stored *Stored) (*Account, error) {
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
	const rounds = 5
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
			counts := map[string]int{}
			for round := range rounds {
				outcomes := race(t, resolvers, a.PublicKey, signer, round)
				stored, err := resolvers[0].Lookup(resolverContext(t), a.PublicKey)
				if err != nil || stored.Behind > 0 {
					t.Fatalf("round %d: %+v, %v", round, stored, err)
				}
				counts[judge(t, outcomes, stored.Account.Description)]++
			}
			t.Logf("%d rounds: %v", rounds, counts)
		})
	}
}

// judge checks that no success is lost without an error, and returns what happened.
func judge(t *testing.T, outcomes []outcome, final string) string {
	t.Helper()
	var won []outcome
	for _, o := range outcomes {
		var conflict *ConflictError
		switch {
		case o.err == nil:
			won = append(won, o)
		case errors.As(o.err, &conflict):
		default:
			t.Errorf("%s: %v", o.wanted, o.err)
		}
	}
	// Of several, each but the last was seen by the one that came after it.
	expected := map[string]bool{}
	for _, o := range won {
		expected[o.wanted] = true
	}
	for _, o := range won {
		delete(expected, o.seen)
	}
	switch {
	case len(won) == 0:
		t.Errorf("nobody won: %+v", outcomes)
	case len(expected) != 1 || !expected[final]:
		t.Errorf("the servers have %q after %+v", final, outcomes)
	}
	return fmt.Sprintf("%d won", len(won))
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
			_, err := r.Change(ctx, a.PublicKey, signer, func(stored *Stored) (*Account, error) {
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
func (f foreignPush) token(t *testing.T, a *Account, stored *Result, signer *Signer) string {
	t.Helper()
	if f.deletes {
		request := jwt.NewGenericClaims(signer.PublicKey())
		request.Data["accounts"] = []string{a.PublicKey}
		token, err := signer.encode(request)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	theirs := *a
	theirs.Description = "theirs"
	token, err := theirs.Sign(resolverContext(t), signer, SystemClock{}, stored.Signature.IssuedAt)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// TestWatchGivesWayToWhatItOverwrote pushes by hand after the last look before a push, which is when a change signs.
func TestWatchGivesWayToWhatItOverwrote(t *testing.T) {
	t.Parallel()
	operator := newLabOperator(t)
	s := natslab.Single(t, natslab.OperatorMode(operator), natslab.NoJetStream())
	signer := newLabSigner(t, operator.SigningKeySeed())
	r := resolverAt(t, operator.SystemAccount(), nil, s.URLs()...)
	ctx := resolverContext(t)
	a := newAccount(t, "one")
	stored := mustChange(t, r, a.PublicKey, signer, to(a))
	theirs := foreignPush{}.token(t, a, stored, signer)

	survey, err := r.survey(ctx, surveyAge)
	if err != nil {
		t.Fatal(err)
	}
	c := &changing{resolver: r, publicKey: a.PublicKey, signer: signer, survey: survey}
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
	if _, err := r.system.gather(ctx, subjectUpdate, []byte(theirs), atLeast(1)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.push(ctx, own); err != nil {
		t.Fatal(err)
	}
	_, err = c.settle(ctx, own)
	var conflict *ConflictError
	if !errors.As(err, &conflict) || !conflict.Pushed || !conflict.Restored {
		t.Errorf("%v, want a conflict, and theirs restored", err)
	}
	if last, err := r.Lookup(ctx, a.PublicKey); err != nil || last.Account.Description != "theirs" ||
		!last.Signature.IssuedAt.After(own.signature.IssuedAt) {
		t.Errorf("the servers have %+v, %v", last, err)
	}
}
