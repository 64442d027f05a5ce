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

// StreamInfo is what the server tells about the stream behind a bucket, in the form of the JetStream API; only what is used here
// is read. The stream of a bucket's mirror, which is a bucket one day, is made, moved and repaired in the same way, towards
// another configuration: see [Stream].
type StreamInfo struct {
	Config  Config    `json:"config"`
	Created time.Time `json:"created"`
	// Domain is the JetStream domain of the server that has answered, empty if it is in none. Answers to a creation or an update lack it.
	Domain string `json:"domain"`
	// Now is the time of the server that answers, as is that of the last message.
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
		// Desired is there from the moment a move or resize is accepted until it is done, from nats-server 2.15 on.
		Desired json.RawMessage `json:"desired"`
	} `json:"cluster"`
	// Mirror is how far a mirror has followed; nil for any other stream.
	Mirror *struct {
		Lag uint64 `json:"lag"`
		// Active is the time since the last sign of life of the source, -1 if there was none yet.
		Active time.Duration      `json:"active"`
		Error  *natsconn.APIError `json:"error"`
	} `json:"mirror"`
}

// Empty tells whether nothing was ever stored in the stream, and nobody reads it.
func (i *StreamInfo) Empty() bool {
	return i.State.Messages == 0 && i.State.LastSequence == 0 && i.State.ConsumerCount == 0
}

// clustered tells whether the stream is on servers of a NATS cluster. A server of none gives no name of one.
func (i *StreamInfo) clustered() bool { return i.Cluster != nil && i.Cluster.Name != "" }

// Stream is a handle of the stream behind a bucket or a mirror: the API that it is worked on with, and the name of the bucket.
type Stream struct {
	js     *natsconn.JetStream
	bucket string
}

// OpenStream returns the handle of a bucket's stream. It makes no request, and the stream need not exist.
func OpenStream(js *natsconn.JetStream, bucket string) Stream { return Stream{js: js, bucket: bucket} }

// Name returns the name of the stream.
func (s Stream) Name() string { return StreamName(s.bucket) }

// Form is what the configuration of a stream should be, and what of it was chosen.
type Form struct {
	Spec
	Config Config
}

// NewForm returns the form of a stream of this specification.
func NewForm(spec Spec, config jetstream.StreamConfig) Form {
	return Form{Spec: spec, Config: NewConfig(config)}
}

// contractForm returns the form that KINE accepts.
func contractForm(spec Spec) Form { return NewForm(spec, Contract(spec)) }

// With returns the form with another value of one field.
func (f Form) With(field string, value any) Form {
	f.Config = maps.Clone(f.Config)
	f.Config.Set(field, value)
	return f
}

// readOnce asks for the stream once. The error is ErrNotFound if there is none.
func (s Stream) readOnce(ctx context.Context) (*StreamInfo, error) {
	info, err := s.ask(ctx, "STREAM.INFO", nil)
	if natsconn.IsAPIError(err, natsconn.CodeStreamNotFound) {
		return nil, ErrNotFound
	}
	return info, err
}

// Read asks for the stream until an answer comes or ctx ends. The error is [ErrNotFound] if there is none.
func (s Stream) Read(ctx context.Context) (info *StreamInfo, err error) {
	err = natsconn.Retry(ctx, func(ctx context.Context) error {
		info, err = s.readOnce(ctx)
		return err
	})
	return info, err
}

// Send sends a configuration until the server has answered.
func (s Stream) Send(ctx context.Context, next Config) error {
	return natsconn.Retry(ctx, func(ctx context.Context) error {
		_, err := s.ask(ctx, "STREAM.UPDATE", next)
		return err
	})
}

// remove asks once for the deletion of the stream. It need not exist.
func (s Stream) remove(ctx context.Context) error {
	err := s.js.Request(ctx, "STREAM.DELETE."+s.Name(), nil, nil)
	if natsconn.IsAPIError(err, natsconn.CodeStreamNotFound) {
		return nil
	}
	return err
}

const (
	// raceTimeout is how long a stream that a creation has met may take to show.
	raceTimeout = 10 * time.Second
	// learnTimeout is how long a server may take to learn of a new account, see maybeLearning.
	learnTimeout = 2 * time.Second
)

// Create makes the stream in this form, in the given place if there is one, unless there is one of its name. What adopt says of the
// stream decides in both cases, as it is not known whose creation has made it; asked is set once a request to create it was sent,
// before which there was none, and was not refused.
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
				// The server answers the creation of an equal stream with that stream, whatever is in it.
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
			// Somebody else is faster. A cluster refuses the name before it shows what is there, so it is asked for again.
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

// maybeLearning reports whether a creation may have failed because a server of the cluster is still learning of the account: it knows
// nothing of the account, or of its JetStream, yet (processStreamAssignment in nats-server's jetstream_cluster.go); or it makes the account's directory and removes it again, to see that it can
// (EnableJetStream in nats-server's jetstream.go), and a stream that is made meanwhile finds it gone.
func maybeLearning(err error) bool {
	absent, ok := errors.AsType[*natsconn.NoJetStreamError](err)
	return ok && absent.Account || natsconn.IsAPIError(err, natsconn.CodeStreamCreate, natsconn.CodeNoAccount)
}

// errDirectoryGone says that a new stream was made in a directory that its server has removed since.
var errDirectoryGone = errors.New("the server has removed the directory of the new stream, as it may do while it learns of the account (see its log)")

// checkDirectory has the servers write the configuration of a new stream once more, and removes the stream again if the leader has no
// directory to write it to. While a server learns of an account it makes the directory of the account's streams and removes it again, with
// a stream in it that was made in between (EnableJetStream in nats-server's server/jetstream.go); such a stream works until the server
// restarts, and is lost then. Servers before 2.15 do not tell: 2.12.15 and 2.14.9 pass over the failure to write (updateWithAdvisory in
// their server/stream.go).
func (s Stream) checkDirectory(ctx context.Context, info *StreamInfo) error {
	refused := s.Send(ctx, info.Config)
	if !natsconn.IsAPIError(refused, natsconn.CodeStreamGeneral) {
		return nil // whatever it is, the stream is there
	}
	gone := fmt.Errorf("%w: %w", errDirectoryGone, refused)
	now, err := s.Read(ctx)
	if err != nil {
		return errors.Join(gone, err)
	}
	var copied json.RawMessage
	if now.Config.Get(fieldMirror, &copied); copied == nil && !now.Empty() {
		return fmt.Errorf("the stream %s has messages and no directory: back it up and delete it before its server restarts: %w",
			s.Name(), refused)
	}
	return errors.Join(gone, natsconn.Retry(ctx, s.remove))
}

// Settle does for a new stream in this form what [Settle] does for a bucket.
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

// Update does for the stream, towards this form, what [Update] does for a bucket.
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

	// New replicas are looked for in the stream's own cluster, but by tags only while the placement is set. The server
	// refuses to move and scale in one update.
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
	// A placement that is still there is that of an earlier move, which may have been lost on its way: the repair removes
	// it, and only then is asking for it a move again.
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
		// An earlier call has asked for the replicas, and did not see them come.
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

// endMove waits until an earlier move of a stream ends, wherever to, on servers that do not tell that they are moving it: those before 2.15.
// 2.12.15 never ends a move in which the placement is cleared.
func (s Stream) endMove(ctx context.Context, spec Spec, info *StreamInfo) (*StreamInfo, error) {
	if mute, err := s.js.OlderThan(ctx, "2.15.0"); err != nil || !mute {
		return info, err
	}
	return s.await(ctx, spec, nil, steadyPolls)
}

// change sends a configuration that moves or resizes a stream, and waits until the servers have followed.
func (s Stream) change(ctx context.Context, spec Spec, place *Placement, next Config) (*StreamInfo, error) {
	if err := s.Send(ctx, next); err != nil {
		return nil, err
	}
	return s.await(ctx, spec, place, steadyPolls)
}
