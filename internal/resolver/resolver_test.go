package resolver

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"

	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

func TestResolverOnOneServerAndOnThree(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 3} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			t.Parallel()
			operator := newLabOperator(t)
			options := []natslab.Option{natslab.OperatorMode(operator)}
			var servers []*natslab.Server
			if size == 1 {
				servers = []*natslab.Server{natslab.Single(t, options...)}
			} else {
				servers = natslab.Cluster(t, size, options...).Servers()
			}
			signer := newLabSigner(t, operator.SigningKeySeed())
			r := resolverAt(t, operator.SystemAccount(), nil, servers[0].URLs()...)
			testLifecycle(t, r, signer, servers)
		})
	}
}

// testLifecycle makes, changes and deletes an account.
func testLifecycle(t *testing.T, r *Resolver, signer *claims.Signer, servers []*natslab.Server) {
	t.Helper()
	ctx := resolverContext(t)
	known, err := r.Servers(ctx)
	if err != nil || len(known) != len(servers) {
		t.Fatalf("servers %+v, %v", known, err)
	}
	for i, s := range servers {
		if known[i].Name != s.Name() || known[i].ID != s.ID() || known[i].Down || len(known[i].Operators) != 1 {
			t.Errorf("server %+v, want %s", known[i], s.Name())
		}
	}

	a := newAccount(t, "one")
	if _, err := r.Lookup(ctx, a.PublicKey); !errors.Is(err, ErrNotFound) {
		t.Errorf("before: %v", err)
	}
	first := mustChange(t, r, a.PublicKey, signer, func(stored *Stored) (*claims.Account, error) {
		if stored != nil {
			t.Errorf("there is %+v before the first push", stored)
		}
		return a, nil
	})
	if !first.Changed || len(first.Missing) > 0 || first.Signature.Issuer != signer.PublicKey() {
		t.Errorf("first push %+v", first)
	}
	for _, s := range servers {
		if inStore(t, s, a.PublicKey) != first.Token {
			t.Errorf("%s does not have the account", s.Name())
		}
	}
	stored, err := r.Lookup(ctx, a.PublicKey)
	if err != nil || stored.Token != first.Token || stored.Behind != 0 || stored.Account.Name != "one" {
		t.Errorf("lookup %+v, %v", stored, err)
	}
	if accounts, err := r.List(ctx); err != nil || !slices.Contains(accounts, a.PublicKey) || len(accounts) != 2 {
		t.Errorf("list %v, %v", accounts, err)
	}

	same := mustChange(t, r, a.PublicKey, signer, func(*Stored) (*claims.Account, error) { return nil, nil })
	if same.Changed || same.Token != first.Token {
		t.Errorf("without a change %+v", same)
	}
	refusal := errors.New("no")
	if _, err := r.Change(ctx, a.PublicKey, signer, func(*Stored) (*claims.Account, error) { return nil, refusal }); !errors.Is(err, refusal) {
		t.Errorf("an error of the change: %v", err)
	}
	if _, err := r.Change(ctx, a.PublicKey, signer, to(newAccount(t, "other"))); err == nil {
		t.Error("claims of another account")
	}

	// Two pushes within a second end in the newer one on every server.
	second := mustChange(t, r, a.PublicKey, signer, described("second"))
	third := mustChange(t, r, a.PublicKey, signer, described("third"))
	if !third.Signature.IssuedAt.After(second.Signature.IssuedAt) ||
		!second.Signature.IssuedAt.After(first.Signature.IssuedAt) {
		t.Errorf("issued at %v, %v, %v", first.Signature.IssuedAt, second.Signature.IssuedAt, third.Signature.IssuedAt)
	}
	for _, s := range servers {
		if inStore(t, s, a.PublicKey) != third.Token {
			t.Errorf("%s does not have the last push", s.Name())
		}
	}

	deleted, err := r.Delete(ctx, a.PublicKey, signer)
	if err != nil || len(deleted.Missing) > 0 {
		t.Errorf("delete %+v, %v", deleted, err)
	}
	if _, err := r.Lookup(ctx, a.PublicKey); !errors.Is(err, ErrNotFound) {
		t.Errorf("after the delete: %v", err)
	}
	if accounts, err := r.List(ctx); err != nil || slices.Contains(accounts, a.PublicKey) {
		t.Errorf("list after the delete %v, %v", accounts, err)
	}
	if _, err := r.Delete(ctx, a.PublicKey, signer); err != nil {
		t.Errorf("second delete: %v", err)
	}
}

func TestResolverPushWithServerDown(t *testing.T) {
	t.Parallel()
	operator := newLabOperator(t)
	c := natslab.Cluster(t, 3, natslab.OperatorMode(operator),
		natslab.ResolverMode(natslab.Resolver{Interval: syncInterval}))
	signer := newLabSigner(t, operator.SigningKeySeed())
	down := c.Servers()[2]
	r := resolverAt(t, operator.SystemAccount(), nil, c.Servers()[0].URLs()...)
	ctx := resolverContext(t)

	a := newAccount(t, "one")
	first := mustChange(t, r, a.PublicKey, signer, to(a))
	down.Shutdown()
	second := mustChange(t, r, a.PublicKey, signer, described("while one is down"))
	if !slices.Equal(second.Missing, []string{down.Name()}) {
		t.Errorf("missing %q, want %s", second.Missing, down.Name())
	}
	known, err := r.Servers(ctx)
	if err != nil || len(known) != 3 || !known[2].Down || known[2].Name != down.Name() || known[1].Down {
		t.Errorf("servers %+v, %v", known, err)
	}
	if err := down.Start(ctx); err != nil {
		t.Fatal(err)
	}
	if got := inStore(t, down, a.PublicKey); got != first.Token && got != second.Token {
		t.Errorf("the server came up with %q", got)
	}
	awaitStore(t, c.Servers(), a.PublicKey, second.Token)
	if stored, err := r.Lookup(ctx, a.PublicKey); err != nil || stored.Behind != 0 {
		t.Errorf("lookup %+v, %v", stored, err)
	}
}

// TestResolverBehind looks an account up while one server has an older copy of it, and another account while one has
// none.
func TestResolverBehind(t *testing.T) {
	t.Parallel()
	operator := newLabOperator(t)
	c := natslab.Cluster(t, 3, natslab.OperatorMode(operator), natslab.NoJetStream()) // compares once a minute
	signer := newLabSigner(t, operator.SigningKeySeed())
	down := c.Servers()[2]
	r := resolverAt(t, operator.SystemAccount(), nil, c.Servers()[0].URLs()...)
	old, late := newAccount(t, "old"), newAccount(t, "late")
	mustChange(t, r, old.PublicKey, signer, to(old))
	down.Shutdown()
	mustChange(t, r, late.PublicKey, signer, to(late))
	mustChange(t, r, old.PublicKey, signer, described("new"))
	if err := down.Start(resolverContext(t)); err != nil {
		t.Fatal(err)
	}
	r = resolverAt(t, operator.SystemAccount(), nil, down.URLs()...) // to whom all three are there
	for account, description := range map[string]string{old.PublicKey: "new", late.PublicKey: ""} {
		stored, err := r.Lookup(resolverContext(t), account)
		if err != nil || stored.Behind != 1 || stored.Account.Description != description {
			t.Errorf("%+v, %v; want the newest and one server behind", stored, err)
		}
	}
	// The next push reaches all of them.
	result := mustChange(t, r, old.PublicKey, signer, described("newest"))
	for _, s := range c.Servers() {
		if inStore(t, s, old.PublicKey) != result.Token {
			t.Errorf("%s does not have the last push", s.Name())
		}
	}
}

func TestResolverDeleteWithServerDown(t *testing.T) {
	t.Parallel()
	operator := newLabOperator(t)
	c := natslab.Cluster(t, 3, natslab.OperatorMode(operator),
		natslab.ResolverMode(natslab.Resolver{Interval: syncInterval}))
	signer := newLabSigner(t, operator.SigningKeySeed())
	down := c.Servers()[2]
	r := resolverAt(t, operator.SystemAccount(), nil, c.Servers()[0].URLs()...)
	ctx := resolverContext(t)

	a := newAccount(t, "one")
	pushed := mustChange(t, r, a.PublicKey, signer, to(a))
	down.Shutdown()
	result, err := r.Delete(ctx, a.PublicKey, signer)
	var incomplete *IncompleteError
	if !errors.As(err, &incomplete) || !slices.Equal(incomplete.Missing, []string{down.Name()}) || result == nil {
		t.Fatalf("delete %+v, %v", result, err)
	}
	if _, err := r.Lookup(ctx, a.PublicKey); !errors.Is(err, ErrNotFound) {
		t.Errorf("lookup while it is down: %v", err)
	}
	if err := down.Start(ctx); err != nil {
		t.Fatal(err)
	}
	awaitStore(t, c.Servers(), a.PublicKey, pushed.Token) // it comes back
	if result, err := r.Delete(ctx, a.PublicKey, signer); err != nil || len(result.Missing) > 0 {
		t.Errorf("second delete %+v, %v", result, err)
	}
	awaitStore(t, c.Servers(), a.PublicKey, "")
}

func TestResolverRefusals(t *testing.T) {
	t.Parallel()
	operator := newLabOperator(t, func(claims *jwt.OperatorClaims) { claims.StrictSigningKeyUsage = true })
	tenant, err := operator.AddAccount("TENANT", nil)
	if err != nil {
		t.Fatal(err)
	}
	s := natslab.Single(t, natslab.OperatorMode(operator), natslab.ResolverMode(natslab.Resolver{NoDelete: true}),
		natslab.NoJetStream())
	signer := newLabSigner(t, operator.SigningKeySeed())
	stranger := newLabOperator(t)
	ctx := resolverContext(t)
	r := resolverAt(t, operator.SystemAccount(), nil, s.URLs()...)
	a := newAccount(t, "one")

	t.Run("untrusted", func(t *testing.T) {
		_, err := r.Change(ctx, a.PublicKey, newLabSigner(t, stranger.SigningKeySeed()), to(a))
		var untrusted *UntrustedIssuerError
		if !errors.As(err, &untrusted) || untrusted.Key != stranger.SigningKey() ||
			untrusted.Trusted[0].PublicKey != operator.PublicKey() {
			t.Errorf("%v", err)
		}
		if got := inStore(t, s, a.PublicKey); got != "" {
			t.Errorf("it was pushed all the same: %s", got)
		}
	})
	t.Run("strict", func(t *testing.T) {
		err := r.Trusts(ctx, operator.PublicKey())
		var untrusted *UntrustedIssuerError
		if !errors.As(err, &untrusted) || !untrusted.Trusted[0].Strict {
			t.Errorf("%v", err)
		}
		if err := r.Trusts(ctx, operator.SigningKey()); err != nil {
			t.Errorf("the signing key: %v", err)
		}
	})
	t.Run("delete", func(t *testing.T) {
		_, err := r.Delete(ctx, tenant.PublicKey(), signer)
		var forbidden *DeleteForbiddenError
		if !errors.As(err, &forbidden) || forbidden.Server != s.Name() {
			t.Errorf("%v", err)
		}
		if _, err := r.Lookup(ctx, tenant.PublicKey()); err != nil {
			t.Errorf("lookup: %v", err)
		}
	})
	t.Run("rejected", func(t *testing.T) {
		bad := *a
		bad.Mappings = map[string][]claims.Destination{"a": {{Subject: "b", Weight: 80}, {Subject: "c", Weight: 80}}}
		_, err := r.Change(ctx, a.PublicKey, signer, to(&bad))
		var rejected *RejectedError
		if !errors.As(err, &rejected) || rejected.Server != s.Name() || rejected.Text == "" {
			t.Errorf("%v", err)
		}
	})
	t.Run("no system account", func(t *testing.T) {
		_, err := resolverAt(t, tenant, nil, s.URLs()...).Lookup(ctx, a.PublicKey)
		wantNotPushable(t, err, NotSystemAccount)
	})
	t.Run("no permission", func(t *testing.T) {
		limited := resolverAt(t, operator.SystemAccount(), func(claims *jwt.UserClaims) {
			claims.Pub.Deny.Add(subjectUpdate)
		}, s.URLs()...)
		_, err := limited.Change(ctx, a.PublicKey, signer, to(a))
		var permission *natsconn.PermissionError
		if !errors.As(err, &permission) || permission.Subject != subjectUpdate {
			t.Errorf("%v", err)
		}
		blind := resolverAt(t, operator.SystemAccount(), func(claims *jwt.UserClaims) {
			claims.Sub.Deny.Add("$SYS.REQ.ACCOUNT.*.CLAIMS.UPDATE")
		}, s.URLs()...)
		if _, err = blind.Change(ctx, a.PublicKey, signer, to(a)); !errors.As(err, &permission) || permission.Publish {
			t.Errorf("without the permission to watch: %v", err)
		}
	})
}

func TestResolverDeletesNoSystemAccount(t *testing.T) {
	t.Parallel()
	operator := newLabOperator(t)
	s := natslab.Single(t, natslab.OperatorMode(operator), natslab.NoJetStream())
	r := resolverAt(t, operator.SystemAccount(), nil, s.URLs()...)
	_, err := r.Delete(resolverContext(t), operator.SystemAccount().PublicKey(),
		newLabSigner(t, operator.SigningKeySeed()))
	if _, rejected := errors.AsType[*RejectedError](err); !rejected {
		t.Errorf("%v", err)
	}
}

func wantNotPushable(t *testing.T, err error, reason NotPushableReason) {
	t.Helper()
	var notPushable *NotPushableError
	if !errors.As(err, &notPushable) || notPushable.Reason != reason || errors.Is(err, ErrNotFound) {
		t.Errorf("%v, want a NotPushableError with reason %d", err, reason)
	}
}

func TestResolverOfOtherTypes(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		resolver natslab.Resolver
		url      string
		want     NotPushableReason
	}{
		{"memory", natslab.Resolver{Type: natslab.MemoryResolver}, "", StoresNothing},
		{"memory, and the operator names a server", natslab.Resolver{Type: natslab.MemoryResolver}, "https://accounts.example.com", StoresElsewhere},
		{"cache", natslab.Resolver{Type: natslab.CacheResolver}, "", StoresCopies},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			operator := newLabOperator(t, func(claims *jwt.OperatorClaims) { claims.AccountServerURL = tt.url })
			s := natslab.Single(t, natslab.OperatorMode(operator), natslab.ResolverMode(tt.resolver), natslab.NoJetStream())
			signer := newLabSigner(t, operator.SigningKeySeed())
			r := resolverAt(t, operator.SystemAccount(), nil, s.URLs()...)
			ctx := resolverContext(t)
			a := newAccount(t, "one")
			_, err := r.Change(ctx, a.PublicKey, signer, to(a))
			wantNotPushable(t, err, tt.want)
			_, err = r.Lookup(ctx, operator.SystemAccount().PublicKey())
			wantNotPushable(t, err, tt.want)
		})
	}
	t.Run("no operator", func(t *testing.T) {
		t.Parallel()
		s := natslab.Single(t, natslab.SystemUser("sys", "secret"), natslab.NoJetStream())
		client := natsconn.NewClient(natsconn.Settings{Servers: s.URLs(),
			Auth: natsconn.Auth{User: "sys", Password: "secret"}}, nil)
		t.Cleanup(client.Close)
		r := New(client, claims.SystemClock{})
		a := newAccount(t, "one")
		_, err := r.Change(resolverContext(t), a.PublicKey, newLabSigner(t, newLabOperator(t).SigningKeySeed()), to(a))
		wantNotPushable(t, err, NotOperatorMode)
		_, err = r.Lookup(resolverContext(t), a.PublicKey)
		wantNotPushable(t, err, NotOperatorMode)
	})
}

func TestResolverWithoutServers(t *testing.T) {
	t.Parallel()
	operator := newLabOperator(t)
	s := natslab.Single(t, natslab.OperatorMode(operator), natslab.NoJetStream())
	r := resolverAt(t, operator.SystemAccount(), nil, s.URLs()...)
	a := newAccount(t, "one")
	mustChange(t, r, a.PublicKey, newLabSigner(t, operator.SigningKeySeed()), to(a))
	s.Shutdown()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if _, err := r.Lookup(ctx, a.PublicKey); !natsconn.IsUnreachable(err) && !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("lookup: %v", err)
	}
}

func TestResolverClock(t *testing.T) {
	t.Parallel()
	operator := newLabOperator(t)
	s := natslab.Single(t, natslab.OperatorMode(operator), natslab.NoJetStream())
	r := resolverAt(t, operator.SystemAccount(), nil, s.URLs()...)
	signer := newLabSigner(t, operator.SigningKeySeed())
	a := newAccount(t, "one")
	mustChange(t, r, a.PublicKey, signer, to(a))
	// To a clock that is late, what is stored is from the future.
	r.clock = lateClock{}
	_, err := r.Change(resolverContext(t), a.PublicKey, signer, described("late"))
	if _, late := errors.AsType[*claims.ClockError](err); !late {
		t.Errorf("%v", err)
	}
}

// lateClock is an hour late.
type lateClock struct{ claims.SystemClock }

func (lateClock) Now() time.Time { return time.Now().Add(-time.Hour) }

func TestResolverTwoHundredAccounts(t *testing.T) {
	t.Parallel()
	operator := newLabOperator(t)
	c := natslab.Cluster(t, 3, natslab.OperatorMode(operator))
	r := resolverAt(t, operator.SystemAccount(), nil, c.URLs()...)
	signer := newLabSigner(t, operator.SigningKeySeed())
	ctx := resolverContext(t)
	const accounts, parallel = 200, 10
	each := func(what string, f func(*claims.Account) error, all []*claims.Account) {
		t.Helper()
		start := time.Now()
		work := make(chan *claims.Account)
		var wg sync.WaitGroup
		for range parallel {
			wg.Go(func() {
				for a := range work {
					if err := f(a); err != nil {
						t.Errorf("%s %s: %v", what, a.Name, err)
					}
				}
			})
		}
		for _, a := range all {
			work <- a
		}
		close(work)
		wg.Wait()
		t.Logf("%s: %.0f accounts a second", what, accounts/time.Since(start).Seconds())
	}
	all := make([]*claims.Account, accounts)
	for i := range all {
		all[i] = newAccount(t, fmt.Sprintf("account-%d", i))
	}
	each("push", func(a *claims.Account) error {
		_, err := r.Change(ctx, a.PublicKey, signer, to(a))
		return err
	}, all)
	each("lookup", func(a *claims.Account) error {
		stored, err := r.Lookup(ctx, a.PublicKey)
		if err == nil && (stored.Behind > 0 || stored.Account.Name != a.Name) {
			err = fmt.Errorf("found %+v", stored)
		}
		return err
	}, all)
	if listed, err := r.List(ctx); err != nil || len(listed) != accounts+1 {
		t.Errorf("%d accounts in the list, %v", len(listed), err)
	}
	each("delete", func(a *claims.Account) error {
		_, err := r.Delete(ctx, a.PublicKey, signer)
		return err
	}, all)
	if listed, err := r.List(ctx); err != nil || len(listed) != 1 {
		t.Errorf("%d accounts in the list after the deletes, %v", len(listed), err)
	}
}
