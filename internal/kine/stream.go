package kine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
)

// StreamInfo is the JetStream API's response about the stream behind a bucket, reduced to the fields used here. The
// stream of a bucket's mirror, which may become a bucket, is created, moved and repaired in the same way with another
// configuration: see [Stream].
type StreamInfo struct {
	Config  Config    `json:"config"`
	Created time.Time `json:"created"`
	// Domain is the JetStream domain of the server that responded, or "". Responses to a creation or an update do not
	// have it.
	Domain string `json:"domain"`
	// Now is the time of the response on the server's clock, like LastTime.
	Now   time.Time `json:"ts"`
	State struct {
		Messages      uint64    `json:"messages"`
		Bytes         uint64    `json:"bytes"`
		FirstSequence uint64    `json:"first_seq"`
		LastSequence  uint64    `json:"last_seq"`
		LastTime      time.Time `json:"last_ts"`
		ConsumerCount int       `json:"consumer_count"`
		Subjects      uint64    `json:"num_subjects"`
	} `json:"state"`
	Cluster *struct {
		Name     string `json:"name"`
		Leader   string `json:"leader"`
		Replicas []struct {
			Name    string `json:"name"`
			Current bool   `json:"current"`
			Offline bool   `json:"offline"`
		} `json:"replicas"`
		// Desired is set while a move or resize is in progress, since nats-server 2.15.
		Desired json.RawMessage `json:"desired"`
	} `json:"cluster"`
	// Mirror is the progress of a mirror; nil for any other stream.
	Mirror *struct {
		Lag uint64 `json:"lag"`
		// Active is the time since the last contact with the source, or -1 if there was no contact yet.
		Active time.Duration      `json:"active"`
		Error  *natsconn.APIError `json:"error"`
	} `json:"mirror"`
}

// Empty reports whether the stream was never written to and has no consumers.
func (i *StreamInfo) Empty() bool {
	return i.State.Messages == 0 && i.State.LastSequence == 0 && i.State.ConsumerCount == 0
}

// clustered reports whether the stream is on servers of a NATS cluster. A server outside a cluster reports no cluster
// name.
func (i *StreamInfo) clustered() bool { return i.Cluster != nil && i.Cluster.Name != "" }

// Stream is a handle to the stream behind a bucket or a mirror.
type Stream struct {
	js     *natsconn.JetStream
	bucket string
}

// OpenStream returns a handle to a bucket's stream. It sends no request, and the stream need not exist.
func OpenStream(js *natsconn.JetStream, bucket string) Stream { return Stream{js: js, bucket: bucket} }

// Name returns the name of the stream.
func (s Stream) Name() string { return StreamName(s.bucket) }

// Form is the wanted configuration of a stream with the specification it was built from.
type Form struct {
	Spec
	Config Config
}

// NewForm returns the form of a stream.
func NewForm(spec Spec, config jetstream.StreamConfig) Form {
	return Form{Spec: spec, Config: NewConfig(config)}
}

// contractForm returns the form of a bucket that KINE accepts.
func contractForm(spec Spec) Form { return NewForm(spec, Contract(spec)) }

// With returns a copy of the form with one field set to value.
func (f Form) With(field string, value any) Form {
	f.Config = maps.Clone(f.Config)
	f.Config.Set(field, value)
	return f
}

// readOnce requests the stream once. The error is ErrNotFound if it does not exist.
func (s Stream) readOnce(ctx context.Context) (*StreamInfo, error) {
	info, err := s.ask(ctx, "STREAM.INFO", nil)
	if natsconn.IsAPIError(err, natsconn.CodeStreamNotFound) {
		return nil, ErrNotFound
	}
	return info, err
}

// Read requests the stream until a response arrives or ctx ends. The error is [ErrNotFound] if it does not exist.
func (s Stream) Read(ctx context.Context) (info *StreamInfo, err error) {
	err = natsconn.Retry(ctx, func(ctx context.Context) error {
		info, err = s.readOnce(ctx)
		return err
	})
	return info, err
}

// Send updates the configuration. It repeats the request until the server responds.
func (s Stream) Send(ctx context.Context, next Config) error {
	return natsconn.Retry(ctx, func(ctx context.Context) error {
		_, err := s.ask(ctx, "STREAM.UPDATE", next)
		return err
	})
}

// remove deletes the stream with one request. The stream need not exist.
func (s Stream) remove(ctx context.Context) error {
	err := s.js.Request(ctx, "STREAM.DELETE."+s.Name(), nil, nil)
	if natsconn.IsAPIError(err, natsconn.CodeStreamNotFound) {
		return nil
	}
	return err
}

const (
	// raceTimeout is how long a stream whose name is in use may take to become readable.
	raceTimeout = 10 * time.Second
	// learnTimeout is how long a server may take to learn about a new account, see maybeLearning.
	learnTimeout = 2 * time.Second
)

// Create creates the stream in this form, with a placement unless place is nil, or finds an existing stream of its
// name. In both cases adopt decides whether the stream can be used, because the request may have found the stream of
// another creation. asked is true if the stream did not exist at first and a request to create it was not refused.
func (s Stream) Create(
	ctx context.Context, want Form, place *Placement, adopt func(info *StreamInfo, asked bool) error,
) (*StreamInfo, error) {
	if err := checkCluster(ctx, s.js, place); err != nil {
		return nil, err
	}
	race, cancel := context.WithTimeout(ctx, raceTimeout)
	defer cancel()
	learning, cancel := context.WithTimeout(ctx, learnTimeout)
	defer cancel()
	asked := false
	for {
		var info *StreamInfo
		err := natsconn.Retry(ctx, func(ctx context.Context) (err error) {
			if info, err = s.readOnce(ctx); errors.Is(err, ErrNotFound) {
				request := want
				if place != nil {
					request = want.With(fieldPlacement, place)
				}
				// If an equal stream exists, the server returns it, whatever its contents.
				info, err = s.ask(ctx, "STREAM.CREATE", request.Config)
				_, refused := errors.AsType[*natsconn.APIError](err)
				_, absent := errors.AsType[*natsconn.NoJetStreamError](err)
				asked = !refused && !absent
			}
			if err != nil {
				return err
			}
			return adopt(info, asked)
		})
		if err == nil && asked && info.clustered() {
			err = s.checkDirectory(ctx, info)
		}
		if err == nil {
			return info, nil
		}
		var patience context.Context
		switch {
		case errors.Is(err, errDirectoryGone):
			patience, asked = race, false
		case natsconn.IsAPIError(err, natsconn.CodeStreamNameInUse):
			// Another client was faster. A cluster refuses the name before the existing stream is readable, so read
			// again.
			patience = race
		case maybeLearning(err):
			patience = learning
		default:
			return nil, err
		}
		if !natsconn.Pause(patience, settlePoll) {
			return nil, err
		}
	}
}

// maybeLearning reports whether a creation may have failed because a server of the cluster is still learning about the
// account. Either the server does not know the account or its JetStream yet (processStreamAssignment in nats-server's
// jetstream_cluster.go), or it creates and removes the account's directory as a test (EnableJetStream in nats-server's
// jetstream.go), and the directory is missing while the stream is created.
func maybeLearning(err error) bool {
	absent, ok := errors.AsType[*natsconn.NoJetStreamError](err)
	return ok && absent.Account || natsconn.IsAPIError(err, natsconn.CodeStreamCreate, natsconn.CodeNoAccount)
}

// errDirectoryGone is returned if the server has removed the directory of a new stream.
var errDirectoryGone = errors.New("the server has removed the directory of the new stream, as it may do while it " +
	"learns about the account (see its log)")

// checkDirectory makes the servers write the configuration of a new stream again, and deletes the stream if the
// leader's directory for it does not exist. While a server learns about an account, it creates and removes the
// directory of the account's streams, including a stream created in between (EnableJetStream in nats-server's
// server/jetstream.go). Such a stream works until the server restarts and is then lost. Servers before 2.15 do not
// report it: 2.12.15 and 2.14.9 ignore the write error (updateWithAdvisory in their server/stream.go).
func (s Stream) checkDirectory(ctx context.Context, info *StreamInfo) error {
	refused := s.Send(ctx, info.Config)
	if !natsconn.IsAPIError(refused, natsconn.CodeStreamGeneral) {
		return nil // the stream exists, whatever the error is
	}
	gone := fmt.Errorf("%w: %w", errDirectoryGone, refused)
	now, err := s.Read(ctx)
	if err != nil {
		return errors.Join(gone, err)
	}
	var copied json.RawMessage
	if now.Config.Get(fieldMirror, &copied); copied == nil && !now.Empty() {
		return fmt.Errorf("the stream %s has messages but no directory: back it up and delete it before its server "+
			"restarts: %w",
			s.Name(), refused)
	}
	return errors.Join(gone, natsconn.Retry(ctx, s.remove))
}

// Settle is [Settle] for a new stream in this form.
func (s Stream) Settle(ctx context.Context, want Form, place *Placement) (*StreamInfo, error) {
	info, err := s.Read(ctx)
	if err != nil && ctx.Err() != nil {
		return nil, &UnsettledError{Waiting: notTold, Err: err}
	}
	if err != nil {
		return nil, err
	}
	created := maps.Clone(info.Config)
	delete(created, fieldPlacement)
	if place != nil {
		created.Set(fieldPlacement, place)
	}
	if !created.equal(info.Config) {
		return s.Update(ctx, want, place, place != nil)
	}
	if info, err = s.await(ctx, want.Spec, place, 1); err != nil {
		return nil, err
	}
	return s.clearPlacement(ctx, info)
}

// Update is [Update] for a stream in this form.
func (s Stream) Update(ctx context.Context, want Form, place *Placement, move bool) (*StreamInfo, error) {
	spec := want.Spec
	info, err := s.Read(ctx)
	if err != nil {
		return nil, err
	}
	broken := slices.DeleteFunc(info.Config.Differences(want), Difference.Repairable)
	if len(broken) > 0 {
		_, mirror := want.Config[fieldMirror]
		return nil, &UnrepairableError{Stream: s.Name(), Differences: broken, ForMirror: mirror}
	}

	// The server places new replicas in the stream's own cluster, but considers tags only while the placement is set.
	// It refuses to move and scale in one update.
	now := spec
	now.Replicas = info.Config.spec().Replicas
	resize := now.Replicas != spec.Replicas
	carry := place != nil && (move || resize && len(place.Tags) > 0)
	if carry && !info.clustered() {
		return nil, ErrNoCluster
	}
	if resize && spec.Replicas > 1 && !info.clustered() {
		return nil, errNoReplicas
	}
	if carry && info.Config.value(fieldPlacement) != "" {
		if info, err = s.endMove(ctx, now, info); err != nil {
			return nil, err
		}
	}
	// A placement that is still set belongs to an earlier move, which may have been lost. The repair removes it, so
	// that setting it again starts a move.
	next := info.Config.Repaired(want.With(fieldReplicas, now.Replicas))
	if !next.equal(info.Config) {
		if err := s.Send(ctx, next); err != nil {
			return nil, err
		}
	}
	if carry {
		next.Set(fieldPlacement, place)
		if info, err = s.change(ctx, now, place, next); err != nil {
			return nil, err
		}
		next = info.Config
	}
	if resize {
		next.Set(fieldReplicas, spec.Replicas)
		if info, err = s.change(ctx, spec, place, next); err != nil {
			return nil, err
		}
	}
	if move && !carry && !resize {
		// An earlier call requested the replicas but ended before they were ready.
		if info, err = s.await(ctx, spec, place, steadyPolls); err != nil {
			return nil, err
		}
	}
	if carry {
		info, err = s.clearPlacement(ctx, info)
	} else {
		info, err = s.Read(ctx)
	}
	if err != nil {
		return nil, err
	}
	if left := info.Config.Unplaced(want); len(left) > 0 {
		return nil, &UnchangedError{Stream: s.Name(), Differences: left}
	}
	return info, nil
}

// endMove waits until an earlier move of the stream ends, on servers before 2.15, which do not report a move in
// progress. 2.12.15 never ends a move whose placement is cleared.
func (s Stream) endMove(ctx context.Context, spec Spec, info *StreamInfo) (*StreamInfo, error) {
	if mute, err := s.js.OlderThan(ctx, "2.15.0"); err != nil || !mute {
		return info, err
	}
	return s.await(ctx, spec, nil, steadyPolls)
}

// change sends a configuration that moves or resizes the stream, and waits until the servers have applied it.
func (s Stream) change(ctx context.Context, spec Spec, place *Placement, next Config) (*StreamInfo, error) {
	if err := s.Send(ctx, next); err != nil {
		return nil, err
	}
	return s.await(ctx, spec, place, steadyPolls)
}
