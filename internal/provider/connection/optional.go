package connection

import (
	"context"
	"errors"
	"time"

	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/resolver"
)

// optionalTime is the timeout of an optional request. After a request without a response, the next one is sent
// optionalPause later at the earliest.
const (
	optionalTime  = 5 * time.Second
	optionalPause = time.Minute
)

// errNotAsked means that no request was sent because the servers did not respond a short time ago.
var errNotAsked = errors.New("the servers did not respond to a recent request")

// optionally sends the servers a request whose response is optional. If servers do not respond, it sends them no
// further request for a while, unless answering is set, so that a plan of many resources waits for them once. It
// returns the errors of [Data.Resolver] and ask, and errNotAsked.
func (d *Data) optionally(
	ctx context.Context, answering bool, ask func(context.Context, *resolver.Resolver) error,
) error {
	accounts, err := d.Resolver()
	if err != nil {
		return err
	}
	if !answering && !d.mayAsk() {
		return errNotAsked
	}
	ctx, cancel := context.WithTimeout(ctx, optionalTime)
	defer cancel()
	err = ask(ctx, accounts)
	if err != nil && (ctx.Err() != nil || natsconn.IsUnreachable(err)) {
		d.noting.Lock()
		d.unanswered = time.Now()
		d.noting.Unlock()
	}
	if err != nil {
		tflog.Debug(ctx, "an optional request failed", map[string]any{"error": err.Error()})
	}
	return err
}

func (d *Data) mayAsk() bool {
	d.noting.Lock()
	defer d.noting.Unlock()
	return time.Since(d.unanswered) > optionalPause
}

// keyCheck is the result of a check of the operator's key by the servers.
type keyCheck struct {
	at  time.Time
	err error
}

// CheckOperatorKey checks with the servers that they trust the operator's key, once for many resources. It is not an
// error if servers do not respond, because a plan works without them. It returns a [*resolver.UntrustedIssuerError]
// prefixed with the source of the key, a [*resolver.NotPushableError], and the errors of [Data.OperatorSigner] and
// [Data.Resolver].
func (d *Data) CheckOperatorKey(ctx context.Context) error {
	signer, err := d.OperatorSigner()
	if err != nil {
		return err
	}
	defer signer.Close()
	if _, err := d.Resolver(); err != nil {
		return err
	}
	d.checkingKey.Lock()
	defer d.checkingKey.Unlock()
	if time.Since(d.keyChecked.at) < optionalPause {
		return d.keyChecked.err
	}
	err = d.optionally(ctx, false, func(ctx context.Context, r *resolver.Resolver) error {
		return r.Trusts(ctx, signer.PublicKey())
	})
	_, untrusted := errors.AsType[*resolver.UntrustedIssuerError](err)
	_, notPushable := errors.AsType[*resolver.NotPushableError](err)
	switch {
	case untrusted:
		err = d.operator.ofSigningKey(err)
	case !notPushable:
		err = nil
	}
	d.keyChecked = keyCheck{at: time.Now(), err: err}
	return err
}
