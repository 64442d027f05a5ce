package resolver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
)

// TouchStreams updates every stream of the account to the configuration that it has. After a switch from flat limits to
// tiers, writes to existing streams fail (10120) until that is done. After a switch from tiers to flat limits they fail
// until every server that has the stream was restarted: an update only ever moves a stream to the tier of its replicas
// (updateWithAdvisory in nats-server's server/stream.go, as of 2.15). It returns the streams that were updated; the
// errors of others are joined. Errors are those of [Resolver.Enter] and of [natsconn.JetStream.Request].
func (r *Resolver) TouchStreams(
	ctx context.Context, publicKey string, signer *claims.Signer,
) (touched []string, err error) {
	return r.eachStream(ctx, publicKey, signer, func(ctx context.Context, js *natsconn.JetStream, name string) error {
		// The configuration as it is read, so that fields unknown here are kept.
		var info struct {
			Config json.RawMessage `json:"config"`
		}
		if err := js.Request(ctx, "STREAM.INFO."+name, nil, &info); err != nil {
			return err
		}
		return js.Request(ctx, "STREAM.UPDATE."+name, info.Config, nil)
	})
}

// DeleteStreams deletes every stream of the account with what is in it. It returns the streams that were deleted, and
// errors as [Resolver.TouchStreams] does.
func (r *Resolver) DeleteStreams(
	ctx context.Context, publicKey string, signer *claims.Signer,
) (deleted []string, err error) {
	return r.eachStream(ctx, publicKey, signer, func(ctx context.Context, js *natsconn.JetStream, name string) error {
		err := js.Request(ctx, "STREAM.DELETE."+name, nil, nil)
		if natsconn.IsAPIError(err, natsconn.CodeStreamNotFound) {
			return nil // an earlier attempt whose answer was lost, or someone else
		}
		return err
	})
}

// eachStream enters the account and calls do for each of its streams, again for as long as that may help. It returns
// the streams for which do succeeded.
func (r *Resolver) eachStream(
	ctx context.Context, publicKey string, signer *claims.Signer,
	do func(ctx context.Context, js *natsconn.JetStream, name string) error,
) (done []string, err error) {
	err = r.Enter(ctx, publicKey, signer, func(ctx context.Context, client *natsconn.Client) error {
		domain, err := client.Domain()
		if err != nil {
			return err
		}
		js := client.JetStream(domain)
		names, err := streamNames(ctx, js)
		if err != nil {
			return err
		}
		var failures []error
		for _, name := range names {
			err := natsconn.Retry(ctx, func(ctx context.Context) error { return do(ctx, js, name) })
			if err != nil {
				failures = append(failures, fmt.Errorf("stream %s: %w", name, err))
				continue
			}
			done = append(done, name)
		}
		return errors.Join(failures...)
	})
	return done, err
}

// streamNames returns the names of all streams, page by page.
func streamNames(ctx context.Context, js *natsconn.JetStream) ([]string, error) {
	var names []string
	for {
		var page struct {
			Total   int      `json:"total"`
			Streams []string `json:"streams"`
		}
		err := natsconn.Retry(ctx, func(ctx context.Context) error {
			return js.Request(ctx, "STREAM.NAMES", map[string]int{"offset": len(names)}, &page)
		})
		if err != nil {
			return nil, err
		}
		names = append(names, page.Streams...)
		switch {
		case len(names) >= page.Total:
			return names, nil
		case len(page.Streams) == 0:
			return nil, &natsconn.AnswerError{Asked: "STREAM.NAMES",
				Got: fmt.Sprintf("with %d names of %d", len(names), page.Total)}
		}
	}
}
