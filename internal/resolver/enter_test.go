package resolver

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// tenant is an account with streams on a cluster of three.
type tenant struct {
	account  *natslab.OperatorAccount
	operator *natslab.Operator
	cluster  *natslab.Topology
	resolver *Resolver
	signer   *claims.Signer
	js       jetstream.JetStream
}

func newTenant(t *testing.T, change func(*jwt.AccountClaims)) *tenant {
	t.Helper()
	operator := newLabOperator(t)
	account, err := operator.AddAccount("TENANT", change)
	if err != nil {
		t.Fatal(err)
	}
	c := natslab.Cluster(t, 3, natslab.OperatorMode(operator))
	x := &tenant{
		account: account, operator: operator, cluster: c,
		resolver: resolverAt(t, operator.SystemAccount(), nil, c.URLs()...),
		signer:   newLabSigner(t, operator.SigningKeySeed()),
	}
	if x.js, err = jetstream.New(c.Connect(t)); err != nil {
		t.Fatal(err)
	}
	return x
}

func (x *tenant) addStream(t *testing.T, name string, replicas int) {
	t.Helper()
	_, err := x.js.CreateStream(resolverContext(t),
		jetstream.StreamConfig{Name: name, Subjects: []string{name}, Replicas: replicas})
	if err != nil {
		t.Fatal(err)
	}
}

// publish publishes to each stream and returns the last error. It waits for a stream that has no leader yet.
func (x *tenant) publish(t *testing.T, streams ...string) (err error) {
	t.Helper()
	for _, stream := range streams {
		_, failure := x.js.Publish(resolverContext(t), stream, []byte("x"), jetstream.WithRetryAttempts(100))
		if failure != nil {
			err = fmt.Errorf("%s: %w", stream, failure)
		}
	}
	return err
}

// wantClean fails if a temporary key is left in the account.
func (x *tenant) wantClean(t *testing.T) *claims.Account {
	t.Helper()
	stored, err := x.resolver.Lookup(resolverContext(t), x.account.PublicKey())
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range stored.Account.SigningKeys {
		if k.Scope != nil {
			t.Errorf("the key %s with the role %q was left behind", k.PublicKey, k.Scope.Role)
		}
	}
	return stored.Account
}

func TestEnterTouchesStreamsAfterSwitchToTiers(t *testing.T) {
	t.Parallel()
	x := newTenant(t, nil)
	x.addStream(t, "ONE", 1)
	x.addStream(t, "THREE", 3)
	streams := []string{"ONE", "THREE"}
	if err := x.publish(t, streams...); err != nil {
		t.Fatal(err)
	}
	if got, err := x.resolver.Streams(resolverContext(t), x.account.PublicKey()); err != nil ||
		!slices.Equal(got, streams) {
		t.Errorf("streams %q, %v", got, err)
	}
	size := int64(1 << 20)
	tier := claims.JetStream{DiskStorage: &size, MemoryStorage: &size}
	x.setLimits(t, nil, map[string]claims.JetStream{"R1": tier, "R3": tier})
	x.wantUnwritable(t, streams...)
	x.touch(t, streams...)
	if err := x.publish(t, streams...); err != nil {
		t.Errorf("with tiers, after the update: %v", err)
	}

	// No update leads back, only a restart.
	x.setLimits(t, &claims.JetStream{}, nil)
	x.wantUnwritable(t, streams...)
	x.touch(t, streams...)
	x.wantUnwritable(t, streams...)
	for _, s := range x.cluster.Servers() {
		s.Restart(t)
	}
	if err := x.publish(t, streams...); err != nil {
		t.Errorf("with flat limits, after the restart: %v", err)
	}
}

func (x *tenant) setLimits(t *testing.T, flat *claims.JetStream, tiers map[string]claims.JetStream) {
	t.Helper()
	mustChange(t, x.resolver, x.account.PublicKey(), x.signer, func(stored *Stored) (*claims.Account, error) {
		a := *stored.Account
		a.JetStream, a.Tiers = flat, tiers
		return &a, nil
	})
}

func (x *tenant) touch(t *testing.T, streams ...string) {
	t.Helper()
	touched, err := x.resolver.TouchStreams(resolverContext(t), x.account.PublicKey(), x.signer)
	if err != nil || !slices.Equal(touched, streams) {
		t.Fatalf("touched %q, %v", touched, err)
	}
	x.wantClean(t)
}

// wantUnwritable publishes to each stream and wants to be told that there is no limit for it.
func (x *tenant) wantUnwritable(t *testing.T, streams ...string) {
	t.Helper()
	for _, stream := range streams {
		var failure *jetstream.APIError
		if err := x.publish(t, stream); !errors.As(err, &failure) || failure.ErrorCode != natsconn.CodeNoLimits {
			t.Errorf("%s: %v, want the error %d", stream, err, natsconn.CodeNoLimits)
		}
	}
}

func TestEnterDeletesStreams(t *testing.T) {
	t.Parallel()
	x := newTenant(t, func(claims *jwt.AccountClaims) { claims.RevokeAt(jwt.All, time.Now().Add(-time.Second)) })
	var want []string
	for i := range 5 {
		name := fmt.Sprintf("S%d", i)
		x.addStream(t, name, 1)
		want = append(want, name)
	}
	deleted, err := x.resolver.DeleteStreams(resolverContext(t), x.account.PublicKey(), x.signer)
	slices.Sort(deleted)
	if err != nil || !slices.Equal(deleted, want) {
		t.Errorf("deleted %q, %v", deleted, err)
	}
	if got, err := x.resolver.Streams(resolverContext(t), x.account.PublicKey()); err != nil || len(got) > 0 {
		t.Errorf("streams %q, %v", got, err)
	}
	x.wantClean(t)
}

func TestEnter(t *testing.T) {
	t.Parallel()
	x := newTenant(t, nil)
	ctx := resolverContext(t)
	public := x.account.PublicKey()
	failure := errors.New("no")
	err := x.resolver.Enter(ctx, public, x.signer, func(ctx context.Context, client *natsconn.Client) error {
		if err := client.JetStream("").Request(ctx, "INFO", nil, nil); err != nil {
			t.Errorf("account info: %v", err)
		}
		_, err := client.Request(ctx, &nats.Msg{Subject: "other"})
		if _, refused := errors.AsType[*natsconn.PermissionError](err); !refused {
			t.Errorf("a request that is none of its business: %v", err)
		}
		return failure
	})
	if !errors.Is(err, failure) {
		t.Errorf("%v, want the failure", err)
	}
	x.wantClean(t)

	cancelled, cancel := context.WithCancel(ctx)
	err = x.resolver.Enter(cancelled, public, x.signer, func(ctx context.Context, _ *natsconn.Client) error {
		cancel()
		return ctx.Err()
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want that it was cancelled", err)
	}
	x.wantClean(t)

	// What a process that was killed has left behind goes with the next one, unless it may still be in use.
	old, recent := leftKey(t, time.Now().Add(-time.Minute)), leftKey(t, time.Now().Add(time.Minute))
	mustChange(t, x.resolver, public, x.signer, func(stored *Stored) (*claims.Account, error) {
		a := *stored.Account
		a.SigningKeys = append(slices.Clone(a.SigningKeys), old, recent)
		return &a, nil
	})
	if err := x.resolver.Enter(ctx, public, x.signer, func(context.Context, *natsconn.Client) error { return nil }); err != nil {
		t.Fatal(err)
	}
	stored, err := x.resolver.Lookup(ctx, public)
	if err != nil {
		t.Fatal(err)
	}
	has := func(key claims.SigningKey) bool {
		return slices.ContainsFunc(stored.Account.SigningKeys,
			func(k claims.SigningKey) bool { return k.PublicKey == key.PublicKey })
	}
	if has(old) || !has(recent) || len(stored.Account.SigningKeys) != 2 {
		t.Errorf("signing keys %+v, want the account's own one and the recent one", stored.Account.SigningKeys)
	}

	if err := x.resolver.Enter(ctx, newAccount(t, "none").PublicKey, x.signer, nil); !errors.Is(err, ErrNotFound) {
		t.Errorf("an account that is not there: %v", err)
	}
}

// leftKey returns a temporary signing key that is in use until then.
func leftKey(t *testing.T, until time.Time) claims.SigningKey {
	t.Helper()
	return claims.SigningKey{PublicKey: newAccount(t, "").PublicKey, Scope: &claims.Scope{
		Role: TemporaryRole, Description: until.UTC().Format(time.RFC3339), Template: claims.UserLimits{},
	}}
}

// TestEnterPassesAuthCallout enters an account whose users are handed to a service for authentication, which does not
// run.
func TestEnterPassesAuthCallout(t *testing.T) {
	t.Parallel()
	x := newTenant(t, nil)
	service, _, err := claims.NewKey(natsconn.UserKey)
	if err != nil {
		t.Fatal(err)
	}
	mustChange(t, x.resolver, x.account.PublicKey(), x.signer, func(stored *Stored) (*claims.Account, error) {
		a := *stored.Account
		a.Authorization = claims.Authorization{AuthUsers: []string{service}, AllowedAccounts: []string{x.account.PublicKey()}}
		return &a, nil
	})
	err = x.resolver.Enter(resolverContext(t), x.account.PublicKey(), x.signer, func(ctx context.Context, client *natsconn.Client) error {
		return client.JetStream("").Request(ctx, "INFO", nil, nil)
	})
	if err != nil {
		t.Error(err)
	}
	if a := x.wantClean(t); !slices.Equal(a.Authorization.AuthUsers, []string{service}) {
		t.Errorf("auth users %q", a.Authorization.AuthUsers)
	}
}
