package kine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

// MismatchError says that KINE would not start on what is there.
type MismatchError struct {
	Bucket     string
	Violations []Violation
}

func (e *MismatchError) Error() string {
	return fmt.Sprintf("KINE would not start on bucket %s: %s", e.Bucket, DescribeViolations(e.Violations))
}

// BreaksLenient tells whether also a KINE before 0.14.10 fails on the bucket, which takes one that is there as it finds it
// ([GenerationLenient]).
func (e *MismatchError) BreaksLenient() bool {
	return slices.ContainsFunc(e.Violations, func(v Violation) bool {
		if v.Field == "subjects" { // one more does no harm
			return !strings.Contains(v.Actual, strings.Trim(v.Required, "[]"))
		}
		return slices.Contains(lenientNeeds, v.Field)
	})
}

// lenientNeeds are the fields beside the subjects without which KINE 0.13.15 does not start, or does not create, update, delete
// and watch: each was measured with nats-server 2.15.2. It works on a stream with sources, which would mix in the data of
// another.
var lenientNeeds = []string{"mirror", "sources", "sealed", "retention", "no_ack"}

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

// VerifyContract connects, and compares what is there with what KINE would ask for: the account's limits, the domain, and
// the bucket's stream in every field, history and replicas included. If asKINE is set, the client is the user that KINE
// will be: the API is then spoken as KINE does, without a domain, and each permission that KINE needs is tried. Nothing is
// changed. All that was found is returned.
func VerifyContract(ctx context.Context, client *natsconn.Client, spec Spec, domain string, asKINE bool) []error {
	if err := client.Connect(ctx); err != nil {
		return []error{err}
	}
	if !asKINE {
		return compare(ctx, client.JetStream(domain), spec, "")
	}
	found := compare(ctx, client.JetStream(""), spec, domain)
	// On another stream than that of the contract, some of what KINE does is not answered at all.
	_, denied := errors.AsType[*natsconn.PermissionError](errors.Join(found...))
	if len(found) == 0 || denied {
		if err := tryPermissions(ctx, client, spec.Name); err != nil {
			return []error{err}
		}
	}
	return found
}

// compare returns what keeps KINE from starting. Unless domain is empty, the servers must be in it.
func compare(ctx context.Context, js *natsconn.JetStream, spec Spec, domain string) (found []error) {
	var account struct {
		Domain string        `json:"domain"`
		Limits accountLimits `json:"limits"`
		Tiers  map[string]struct {
			Limits accountLimits `json:"limits"`
		} `json:"tiers"`
	}
	if err := js.Request(ctx, "INFO", nil, &account); err != nil {
		return []error{err}
	}
	if domain != "" && account.Domain != domain {
		return []error{&DomainError{Server: account.Domain, Bucket: domain}}
	}
	limits := account.Limits
	if tier, ok := account.Tiers[fmt.Sprintf("R%d", spec.Replicas)]; ok {
		limits = tier.Limits
	}
	if limits.MaxBytesRequired {
		found = append(found, ErrMaxBytesRequired)
	}

	info, err := ReadStream(ctx, js, spec.Name)
	switch {
	case errors.Is(err, ErrNotFound):
		return append(found, ErrMissing)
	case err != nil:
		return append(found, err)
	case info.Config.fenced(spec.Name):
		return append(found, ErrFenced)
	}
	if violations := info.Config.violations(spec, true); len(violations) > 0 {
		found = append(found, &MismatchError{Bucket: spec.Name, Violations: violations})
	}
	return found
}

type accountLimits struct {
	MaxBytesRequired bool `json:"max_bytes_required"`
}
