package kine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
)

// Stream is what the server tells about the stream behind a bucket, in the form of the JetStream API; only what is used here
// is read. The stream of a bucket's mirror, which is a bucket one day, is made, moved and repaired in the same way, towards
// another configuration: see [CreateStream], [SettleStream] and [UpdateStream].
type Stream struct {
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
func (i *Stream) Empty() bool {
	return i.State.Messages == 0 && i.State.LastSequence == 0 && i.State.ConsumerCount == 0
}

// clustered tells whether the stream is on servers of a NATS cluster. A server of none gives no name of one.
func (i *Stream) clustered() bool { return i.Cluster != nil && i.Cluster.Name != "" }

// readOnce asks for a stream once. The error is ErrNotFound if there is none.
func readOnce(ctx context.Context, js *natsconn.JetStream, name string) (*Stream, error) {
	info, err := ask(ctx, js, "STREAM.INFO", name, nil)
	if natsconn.IsAPIError(err, natsconn.CodeStreamNotFound) {
		return nil, ErrNotFound
	}
	return info, err
}

// ReadStream asks for the stream of a bucket until an answer comes or ctx ends. The error is [ErrNotFound] if there is none.
func ReadStream(ctx context.Context, js *natsconn.JetStream, bucket string) (info *Stream, err error) {
	err = natsconn.Retry(ctx, func(ctx context.Context) error {
		info, err = readOnce(ctx, js, bucket)
		return err
	})
	return info, err
}

const (
	// raceTimeout is how long a stream that a creation has met may take to show.
	raceTimeout = 10 * time.Second
	// learnTimeout is how long a server may take to learn of a new account, see maybeLearning.
	learnTimeout = 2 * time.Second
)

// CreateStream makes a stream of this configuration, in the given place if there is one, unless there is one of its name.
// What adopt says of the stream decides in both cases, as it is not known whose creation has made it; asked is set once a
// request to create it was sent, before which there was none, and was not refused.
func CreateStream(
	ctx context.Context, js *natsconn.JetStream, want Config, place *Placement, adopt func(info *Stream, asked bool) error,
) (*Stream, error) {
	if err := checkCluster(ctx, js, place); err != nil {
		return nil, err
	}
	race, cancel := context.WithTimeout(ctx, raceTimeout)
	defer cancel()
	learning, cancel := context.WithTimeout(ctx, learnTimeout)
	defer cancel()
	asked := false
	for {
		var info *Stream
		err := natsconn.Retry(ctx, func(ctx context.Context) (err error) {
			name := want.spec().Name
			if info, err = readOnce(ctx, js, name); errors.Is(err, ErrNotFound) {
				request := maps.Clone(want)
				if place != nil {
					request.Set("placement", place)
				}
				// The server answers the creation of an equal stream with that stream, whatever is in it.
				info, err = ask(ctx, js, "STREAM.CREATE", name, request)
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
			err = checkDirectory(ctx, js, info)
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
func checkDirectory(ctx context.Context, js *natsconn.JetStream, info *Stream) error {
	name := info.Config.spec().Name
	refused := update(ctx, js, name, info.Config)
	if !natsconn.IsAPIError(refused, natsconn.CodeStreamGeneral) {
		return nil // whatever it is, the stream is there
	}
	gone := fmt.Errorf("%w: %w", errDirectoryGone, refused)
	now, err := ReadStream(ctx, js, name)
	if err != nil {
		return errors.Join(gone, err)
	}
	var copied json.RawMessage
	if now.Config.Get("mirror", &copied); copied == nil && !now.Empty() {
		return fmt.Errorf("the stream %s has messages and no directory: back it up and delete it before its server restarts: %w",
			StreamName(name), refused)
	}
	err = natsconn.Retry(ctx, func(ctx context.Context) error { return js.Request(ctx, "STREAM.DELETE."+StreamName(name), nil, nil) })
	if err != nil && !natsconn.IsAPIError(err, natsconn.CodeStreamNotFound) {
		return errors.Join(gone, err)
	}
	return gone
}

// SettleStream does for a new stream of this configuration what [Settle] does for a bucket.
func SettleStream(ctx context.Context, js *natsconn.JetStream, want Config, place *Placement) (*Stream, error) {
	spec := want.spec()
	info, err := ReadStream(ctx, js, spec.Name)
	if err != nil && ctx.Err() != nil {
		return nil, &UnsettledError{Waiting: notTold, Err: err}
	}
	if err != nil {
		return nil, err
	}
	created := maps.Clone(info.Config)
	delete(created, "placement")
	if place != nil {
		created.Set("placement", place)
	}
	if !created.equal(info.Config) {
		return UpdateStream(ctx, js, want, place, place != nil)
	}
	if info, err = await(ctx, js, spec, place, 1); err != nil {
		return nil, err
	}
	return clearPlacement(ctx, js, spec.Name, info)
}

// UpdateStream does for a stream of this configuration what [Update] does for a bucket.
func UpdateStream(ctx context.Context, js *natsconn.JetStream, want Config, place *Placement, move bool) (*Stream, error) {
	spec := want.spec()
	info, err := ReadStream(ctx, js, spec.Name)
	if err != nil {
		return nil, err
	}
	broken := slices.DeleteFunc(info.Config.Differences(want), Difference.Repairable)
	if len(broken) > 0 {
		_, mirror := want["mirror"]
		return nil, &UnrepairableError{Stream: StreamName(spec.Name), Differences: broken, ForMirror: mirror}
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
	if carry && info.Config.value("placement") != "" {
		if info, err = endMove(ctx, js, now, info); err != nil {
			return nil, err
		}
	}
	unsized := maps.Clone(want)
	unsized.Set("num_replicas", now.Replicas)
	// A placement that is still there is that of an earlier move, which may have been lost on its way: the repair removes
	// it, and only then is asking for it a move again.
	next := info.Config.Repaired(unsized)
	if !next.equal(info.Config) {
		if err := update(ctx, js, spec.Name, next); err != nil {
			return nil, err
		}
	}
	if carry {
		next.Set("placement", place)
		if info, err = change(ctx, js, now, place, next); err != nil {
			return nil, err
		}
		next = info.Config
	}
	if resize {
		next.Set("num_replicas", spec.Replicas)
		if info, err = change(ctx, js, spec, place, next); err != nil {
			return nil, err
		}
	}
	if move && !carry && !resize {
		// An earlier call has asked for the replicas, and did not see them come.
		if info, err = await(ctx, js, spec, place, steadyPolls); err != nil {
			return nil, err
		}
	}
	if carry {
		info, err = clearPlacement(ctx, js, spec.Name, info)
	} else {
		info, err = ReadStream(ctx, js, spec.Name)
	}
	if err != nil {
		return nil, err
	}
	if left := info.Config.Unplaced(want); len(left) > 0 {
		return nil, &UnchangedError{Stream: StreamName(spec.Name), Differences: left}
	}
	return info, nil
}

// endMove waits until an earlier move of a stream ends, wherever to, on servers that do not tell that they are moving it: those before 2.15.
// 2.12.15 never ends a move in which the placement is cleared.
func endMove(ctx context.Context, js *natsconn.JetStream, spec Spec, info *Stream) (*Stream, error) {
	if mute, err := js.OlderThan(ctx, "2.15.0"); err != nil || !mute {
		return info, err
	}
	return await(ctx, js, spec, nil, steadyPolls)
}

// SendStream sends a configuration, which names its stream, until the server has answered.
func SendStream(ctx context.Context, js *natsconn.JetStream, next Config) error {
	return update(ctx, js, next.spec().Name, next)
}

// change sends a configuration that moves or resizes a stream, and waits until the servers have followed.
func change(ctx context.Context, js *natsconn.JetStream, spec Spec, place *Placement, next Config) (*Stream, error) {
	if err := update(ctx, js, spec.Name, next); err != nil {
		return nil, err
	}
	return await(ctx, js, spec, place, steadyPolls)
}
