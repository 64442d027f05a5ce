package kine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

// MismatchError is returned if KINE would not start on the existing bucket.
type MismatchError struct {
	Bucket      string
	Differences []Difference
}

func (e *MismatchError) Error() string {
	return fmt.Sprintf("KINE would not start on bucket %s: %s", e.Bucket, DescribeDifferences(e.Differences))
}

// BreaksLenient reports whether KINE before 0.14.10, which uses an existing bucket unchanged, fails on the bucket as
// well ([GenerationLenient]).
func (e *MismatchError) BreaksLenient() bool {
	return slices.ContainsFunc(e.Differences, func(v Difference) bool {
		if v.Field == fieldSubjects { // additional subjects do no harm
			return !strings.Contains(v.Actual, strings.Trim(v.Required, "[]"))
		}
		return slices.Contains(lenientNeeds, v.Field)
	})
}

// lenientNeeds are the fields, in addition to the subjects, whose difference keeps KINE 0.13.15 from starting or from
// creating, updating, deleting and watching keys: each was measured with nats-server 2.15.2. KINE 0.13.15 works on a
// stream with sources, although these would mix in the data of another stream, and with first_seq, until that deletes
// all messages. It does not wait for the last message (waitReady was added in KINE 0.14).
var lenientNeeds = []string{fieldMirror, fieldSources, "sealed", "retention", "no_ack", FieldFirstSequence}

// Errors of [VerifyContract] in addition to those of the connection.
var (
	// ErrMissing is returned if the bucket does not exist, so that KINE would create an empty one.
	ErrMissing = errors.New("the bucket does not exist: KINE would create an empty one, and k3s a new, empty cluster")
	// ErrFenced is returned if the bucket is fenced.
	ErrFenced = errors.New("the bucket is fenced: KINE does not start on it")
	// ErrMaxBytesRequired is returned if the account requires max_bytes.
	ErrMaxBytesRequired = errors.New("the account requires max_bytes of every stream (max_bytes_required), " +
		"which KINE does not set")
)

// DomainError is returned if KINE would search for the bucket in another JetStream domain. KINE always uses the domain
// of the server that it is connected to.
type DomainError struct{ Server, Bucket string }

func (e *DomainError) Error() string {
	return secret.Sprintf("the servers of the endpoint are in the JetStream domain %q, but the bucket is in %q, "+
		"and KINE uses only the domain of its server", e.Server, e.Bucket)
}

// SlowStartError reports how long KINE takes to read the whole bucket when it starts.
type SlowStartError struct {
	Bucket   *Bucket
	Estimate time.Duration
}

func (e *SlowStartError) Error() string {
	return fmt.Sprintf("KINE reads the whole bucket when it starts: %d messages with %d bytes take about %s, and KINE "+
		"gives up after %s",
		e.Bucket.Messages, e.Bucket.Bytes, e.Estimate.Round(time.Second), StartLimit)
}

// VerifyContract connects and compares the servers with KINE's requirements: the limits of the account and the user,
// the domain, every field of the bucket's stream including history and replicas, its last message and its size. If
// asKINE is set, the client is the user of KINE: requests then have no domain, as those of KINE, and each permission
// and subscription that KINE needs is tried. VerifyContract changes nothing. It returns all findings; a finding that
// does not prevent KINE from starting is a [*CautionError].
func VerifyContract(ctx context.Context, client *natsconn.Client, spec Spec, domain string, asKINE bool) []error {
	if err := client.Connect(ctx); err != nil {
		return []error{err}
	}
	if !asKINE {
		return append(compare(ctx, client.JetStream(domain), spec, "", false), checkPayload(ctx, client)...)
	}
	found := compare(ctx, client.JetStream(""), spec, domain, true)
	// On a stream that deviates from the contract, some of KINE's requests receive no response at all.
	_, denied := errors.AsType[*natsconn.PermissionError](errors.Join(found...))
	if !stops(found) || denied {
		if err := tryPermissions(ctx, client, spec.Name); err != nil {
			return []error{err}
		}
	}
	if _, lost := errors.AsType[*natsconn.UnreachableError](errors.Join(found...)); lost || denied {
		return found
	}
	return append(append(found, checkPayload(ctx, client)...), checkSubscriptions(ctx, client)...)
}

// stops reports whether the findings prevent KINE from starting.
func stops(found []error) bool {
	return slices.ContainsFunc(found, func(err error) bool {
		_, only := errors.AsType[*CautionError](err)
		return !only
	})
}

// checkPayload checks the maximum size of a message.
func checkPayload(ctx context.Context, client *natsconn.Client) []error {
	size, err := client.MaxPayload(ctx)
	if err != nil {
		return []error{err}
	}
	return Limits{Payload: &size}.Check()
}

// checkSubscriptions checks that KINE's subscriptions are possible.
func checkSubscriptions(ctx context.Context, client *natsconn.Client) []error {
	have := 0
	err := natsconn.RetryLost(ctx, func(ctx context.Context) (err error) {
		have, err = client.TrySubscriptions(ctx, MinSubscriptions)
		return err
	})
	if err != nil {
		return []error{err}
	}
	return Limits{Subscriptions: new(int64(have))}.Check()
}

// compare returns the findings about the account, the domain and the bucket. Unless domain is empty, the servers must
// be in it.
func compare(ctx context.Context, js *natsconn.JetStream, spec Spec, domain string, asKINE bool) (found []error) {
	var account accountInfo
	err := natsconn.RetryLost(ctx, func(ctx context.Context) error { return js.Request(ctx, "INFO", nil, &account) })
	if err != nil {
		return []error{err}
	}
	if domain != "" && account.Domain != domain {
		return []error{&DomainError{Server: account.Domain, Bucket: domain}}
	}
	usage, err := account.of(spec.Replicas)
	if err != nil {
		found = append(found, err)
	}
	if usage.Limits.MaxBytesRequired {
		found = append(found, ErrMaxBytesRequired)
	}
	limits := Limits{Consumers: usage.Limits.Consumers, Storage: usage.Limits.Storage}
	found = append(found, limits.Check()...)
	if err := limits.storageLeft(usage.Storage); err != nil && !stops(found) {
		found = append(found, err)
	}

	s := OpenStream(js, spec.Name)
	info, err := s.Read(ctx)
	switch {
	case errors.Is(err, ErrNotFound):
		return append(found, ErrMissing)
	case err != nil:
		return append(found, err)
	case info.Config.fenced(spec.Name):
		return append(found, ErrFenced)
	}
	if err := limits.consumersLeft(info.State.ConsumerCount); err != nil {
		found = append(found, err)
	}
	return append(found, s.compareBucket(ctx, info, spec, asKINE)...)
}

// compareBucket returns the findings about the bucket.
func (s Stream) compareBucket(ctx context.Context, info *StreamInfo, spec Spec, asKINE bool) (found []error) {
	bucket := info.Bucket()
	differences := info.Config.contractDifferences(spec, true)
	if len(bucket.Unrepairable()) == 0 {
		last, err := s.lastDifference(ctx, info)
		switch {
		case err == nil && last != nil:
			differences = append(differences, *last)
		case err == nil, errors.Is(err, nats.ErrNoResponders) && len(differences) > 0: // direct gets are off, which is one of the differences
		case asKINE:
			found = append(found, fmt.Errorf("the last message: %w", err))
		default: // the user is not that of KINE
			found = append(found, &CautionError{fmt.Errorf("the last message, which must be KINE's, cannot be read: %w", err)})
		}
	}
	if len(differences) > 0 {
		found = append(found, &MismatchError{Bucket: spec.Name, Differences: differences})
	}
	return append(found, slowStart(bucket)...)
}

// slowStart returns an error if KINE may not finish reading the bucket when it starts.
func slowStart(bucket *Bucket) []error {
	switch slow := (&SlowStartError{Bucket: bucket, Estimate: bucket.StartTime()}); {
	case slow.Estimate >= LongStart:
		return []error{slow}
	case slow.Estimate >= SlowStart:
		return []error{&CautionError{slow}}
	}
	return nil
}

// accountInfo is the JetStream API's response about an account.
type accountInfo struct {
	Domain string `json:"domain"`
	accountUsage
	Tiers map[string]accountUsage `json:"tiers"`
}

// accountUsage is the usage and the limits of the account or of one tier.
type accountUsage struct {
	Storage int64 `json:"storage"`
	Limits  struct {
		MaxBytesRequired bool   `json:"max_bytes_required"`
		Consumers        *int64 `json:"max_consumers"`
		Storage          *int64 `json:"max_storage"`
	} `json:"limits"`
}

// of returns the usage that applies to a stream with this number of replicas.
func (a *accountInfo) of(replicas int) (accountUsage, error) {
	if len(a.Tiers) == 0 {
		return a.accountUsage, nil
	}
	name := fmt.Sprintf("R%d", replicas)
	tier, ok := a.Tiers[name]
	if !ok {
		return accountUsage{}, &LimitError{Limit: LimitTiers,
			Text: fmt.Sprintf("the account has JetStream limits for %s, but not for %s, the tier of the bucket",
				strings.Join(slices.Sorted(maps.Keys(a.Tiers)), ", "), name)}
	}
	return tier, nil
}
