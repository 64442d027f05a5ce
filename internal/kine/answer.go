package kine

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

// ask sends a JetStream API request whose response describes the stream. Errors are those of
// [natsconn.JetStream.Request]; a response that cannot describe a stream is a [*natsconn.AnswerError].
func (s Stream) ask(ctx context.Context, call string, request any) (*StreamInfo, error) {
	call += "." + s.Name()
	var info StreamInfo
	if err := s.js.Request(ctx, call, request, &info); err != nil {
		return nil, err
	}
	if problem := info.problem(); problem != "" {
		return nil, &natsconn.AnswerError{Asked: call, Got: "with " + problem}
	}
	if strings.HasPrefix(call, "STREAM.INFO.") { // other responses have no domain
		s.js.LearnOwnDomain(info.Domain)
	}
	return &info, nil
}

// problem returns what is impossible in a response about a stream, or "". Fields of the configuration that this package
// reads must have the expected type, because [Config.Get] treats a field of another type as unset.
func (i *StreamInfo) problem() string {
	var (
		text     string
		number   int64
		subjects []string
		metadata map[string]string
		place    *Placement
	)
	for field, into := range map[string]any{
		fieldName: &text, fieldHistory: &number, fieldReplicas: &number, fieldSubjects: &subjects, fieldMetadata: &metadata,
		fieldPlacement: &place,
	} {
		if raw, ok := i.Config[field]; ok {
			if err := json.Unmarshal(raw, into); err != nil {
				return fmt.Sprintf("a configuration whose %s cannot be read: %s", field, secret.FromServer(err.Error()))
			}
		}
	}
	if replicas := i.Config.spec().Replicas; replicas < 0 || replicas > math.MaxInt16 {
		return fmt.Sprintf("a stream of %d replicas", replicas)
	}
	counts := []uint64{i.State.Messages, i.State.Bytes, i.State.FirstSequence, i.State.LastSequence, i.State.Subjects}
	if i.State.ConsumerCount < 0 || slices.Max(counts) > math.MaxInt64 {
		return "numbers that no stream has"
	}
	return ""
}
