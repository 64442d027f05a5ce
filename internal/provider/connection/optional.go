package connection

import (
	"context"
	"errors"
	"time"

	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/resolver"
)

// optionalTime bounds a question whose answer nothing depends on. After one without an answer, none is asked for
// optionalPause.
const (
	optionalTime  = 5 * time.Second
	optionalPause = time.Minute
)

// errNotAsked says that servers were not asked, because they have not answered just now.
var errNotAsked = errors.New("the servers have not answered just now")

// optionally asks the servers something that nothing depends on. Servers that did not answer are not asked again for a
// while, unless they are known to answer now: a plan of many resources waits for them once. Errors: those of
// [Data.Resolver] and of ask, and errNotAsked.
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
		tflog.Debug(ctx, "an optional question has no answer", map[string]any{"error": err.Error()})
	}
	return err
}

func (d *Data) mayAsk() bool {
	d.noting.Lock()
	defer d.noting.Unlock()
	return time.Since(d.unanswered) > optionalPause
}

// keyCheck is what servers have said of the operator's key.
type keyCheck struct {
	at  time.Time
	err error
}

// CheckOperatorKey asks the servers whether they accept what the operator's key signs, once for many resources. Servers
// that do not answer are no error, since a plan works without them. Errors: [*resolver.UntrustedIssuerError], which names
// the setting that the key comes from, [*resolver.NotPushableError], and those of [Data.OperatorSigner] and
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
