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

// MismatchError says that KINE would not start on what is there.
type MismatchError struct {
	Bucket      string
	Differences []Difference
}

func (e *MismatchError) Error() string {
	return fmt.Sprintf("KINE would not start on bucket %s: %s", e.Bucket, DescribeDifferences(e.Differences))
}

// BreaksLenient tells whether also a KINE before 0.14.10 fails on the bucket, which takes one that is there as it finds it
// ([GenerationLenient]).
func (e *MismatchError) BreaksLenient() bool {
	return slices.ContainsFunc(e.Differences, func(v Difference) bool {
		if v.Field == fieldSubjects { // one more does no harm
			return !strings.Contains(v.Actual, strings.Trim(v.Required, "[]"))
		}
		return slices.Contains(lenientNeeds, v.Field)
	})
}

// lenientNeeds are the fields beside the subjects without which KINE 0.13.15 does not start, or does not create, update, delete
// and watch: each was measured with nats-server 2.15.2. It works on a stream with sources, which would mix in the data of
// another, and on one with first_seq, until that deletes everything. It waits for no last message (waitReady came with KINE 0.14).
var lenientNeeds = []string{fieldMirror, fieldSources, "sealed", "retention", "no_ack", FieldFirstSequence}

// Errors of [VerifyContract] beside those of the connection.
var (
	// ErrMissing says that KINE would find no bucket, and make an empty one.
	ErrMissing = errors.New("the bucket does not exist: KINE would make an empty one, and k3s a new, empty cluster")
	// ErrFenced says that the bucket takes no writes.
	ErrFenced = errors.New("the bucket is fenced: KINE does not start on it")
	// ErrMaxBytesRequired says that the account's limits keep KINE from starting.
	ErrMaxBytesRequired = errors.New("the account requires max_bytes of every stream (max_bytes_required), " +
		"and KINE sets none")
)

// DomainError says that KINE would look for the bucket in another JetStream domain. KINE always speaks to the domain of
// the server that it is connected to.
type DomainError struct{ Server, Bucket string }

func (e *DomainError) Error() string {
	return secret.Sprintf("the servers of the endpoint are in the JetStream domain %q, the bucket is in %q, "+
		"and KINE only speaks to the domain of its server", e.Server, e.Bucket)
}

// SlowStartError says that KINE reads the whole bucket when it starts, and how long that takes.
type SlowStartError struct {
	Bucket   *Bucket
	Estimate time.Duration
}

func (e *SlowStartError) Error() string {
	return fmt.Sprintf("KINE reads the whole bucket when it starts, %d messages with %d bytes, which takes about %s, and gives up after %s",
		e.Bucket.Messages, e.Bucket.Bytes, e.Estimate.Round(time.Second), StartLimit)
}

// VerifyContract connects, and compares what is there with what KINE would ask for: the limits of the account and of the user, the domain,
// the bucket's stream in every field, history and replicas included, its last message and how much there is to read. If asKINE is set,
// the client is the user that KINE will be: the API is then spoken as KINE does, without a domain, and each permission that KINE needs is
// tried, as are its subscriptions. Nothing is changed. All that was found is returned, that with which KINE starts as a [*CautionError].
func VerifyContract(ctx context.Context, client *natsconn.Client, spec Spec, domain string, asKINE bool) []error {
	if err := client.Connect(ctx); err != nil {
		return []error{err}
	}
	if !asKINE {
		return append(compare(ctx, client.JetStream(domain), spec, "", false), checkPayload(ctx, client)...)
	}
	found := compare(ctx, client.JetStream(""), spec, domain, true)
	// On another stream than that of the contract, some of what KINE does is not answered at all.
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

// stops tells whether KINE does not start with what was found.
func stops(found []error) bool {
	return slices.ContainsFunc(found, func(err error) bool {
		_, only := errors.AsType[*CautionError](err)
		return !only
	})
}

// checkPayload looks at how large a message may be.
func checkPayload(ctx context.Context, client *natsconn.Client) []error {
	size, err := client.MaxPayload(ctx)
	if err != nil {
		return []error{err}
	}
	return Limits{Payload: &size}.Check()
}

// checkSubscriptions tries the subscriptions that KINE needs.
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

// compare returns what keeps KINE from starting. Unless domain is empty, the servers must be in it.
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

// compareBucket returns what keeps KINE from starting on a bucket.
func (s Stream) compareBucket(ctx context.Context, info *StreamInfo, spec Spec, asKINE bool) (found []error) {
	bucket := info.Bucket()
	differences := info.Config.contractDifferences(spec, true)
	if len(bucket.Unrepairable()) == 0 {
		last, err := s.lastDifference(ctx, info)
		switch {
		case err == nil && last != nil:
			differences = append(differences, *last)
		case err == nil, errors.Is(err, nats.ErrNoResponders) && len(differences) > 0: // no direct gets, which is one of them
		case asKINE:
			found = append(found, fmt.Errorf("the last message: %w", err))
		default: // this is not the user that KINE will be
			found = append(found, &CautionError{fmt.Errorf("the last message, which has to be KINE's, cannot be read: %w", err)})
		}
	}
	if len(differences) > 0 {
		found = append(found, &MismatchError{Bucket: spec.Name, Differences: differences})
	}
	return append(found, slowStart(bucket)...)
}

// slowStart tells whether KINE may not come to the end of what it reads when it starts.
func slowStart(bucket *Bucket) []error {
	switch slow := (&SlowStartError{Bucket: bucket, Estimate: bucket.StartTime()}); {
	case slow.Estimate >= LongStart:
		return []error{slow}
	case slow.Estimate >= SlowStart:
		return []error{&CautionError{slow}}
	}
	return nil
}

// accountInfo is what the JetStream API tells of an account.
type accountInfo struct {
	Domain string `json:"domain"`
	accountUsage
	Tiers map[string]accountUsage `json:"tiers"`
}

// accountUsage is what of the limits is used, those of the account or of one tier.
type accountUsage struct {
	Storage int64 `json:"storage"`
	Limits  struct {
		MaxBytesRequired bool   `json:"max_bytes_required"`
		Consumers        *int64 `json:"max_consumers"`
		Storage          *int64 `json:"max_storage"`
	} `json:"limits"`
}

// of returns the usage that counts for a stream with this number of replicas.
func (a *accountInfo) of(replicas int) (accountUsage, error) {
	if len(a.Tiers) == 0 {
		return a.accountUsage, nil
	}
	name := fmt.Sprintf("R%d", replicas)
	tier, ok := a.Tiers[name]
	if !ok {
		return accountUsage{}, &LimitError{Limit: LimitTiers, Text: fmt.Sprintf("the account has JetStream limits for %s, and none for %s, the tier of the bucket",
			strings.Join(slices.Sorted(maps.Keys(a.Tiers)), ", "), name)}
	}
	return tier, nil
}
