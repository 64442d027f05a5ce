package stream

import (
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/mirror"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/connection"
)

// ErrNoOwnAccount says that the default of the deliver prefix cannot be told.
var ErrNoOwnAccount = errors.New("the subject below which the source's messages come names the account of the copy, which is not known here: it is " +
	"that of the provider's own credentials")

// SourceAccessError is a failure to look at the source on its own side.
type SourceAccessError struct{ Err error }

func (e *SourceAccessError) Error() string { return "its source: " + e.Err.Error() }

func (e *SourceAccessError) Unwrap() error { return e.Err }

// HistoryError says that a copy is to keep another number of revisions than its source.
type HistoryError struct {
	// Source is what is copied, in words, and Has the number that it keeps.
	Source string
	Has    int64
}

func (e *HistoryError) Error() string {
	return fmt.Sprintf("%s keeps %d revisions of each key, and a copy that keeps another number has not the same content", e.Source, e.Has)
}

// CheckHistory is a [*HistoryError] if a copy is to keep another number of revisions than the source has.
func (m Source) CheckHistory(has int64, wanted types.Int64) error {
	if wanted.ValueInt64() == has {
		return nil
	}
	return &HistoryError{Source: m.MirrorSource().String(), Has: has}
}

// shareStep is how accounts get to mirror buckets of each other.
const shareStep = "The account of the source has to export what kine_mirror_exports returns for the bucket, with activations for the account of the copy, " +
	"which has to import what kine_mirror_imports returns."

// SourceFailure finds out what an error about the source is about, where the object is the attribute root, such as "source". ok is false for an
// error that is not about one. A CLI does not show a nested attribute, so the step names it.
func SourceFailure(root string, err error) (f Failure, ok bool) {
	var (
		broken *mirror.BrokenError
		source *mirror.SourceError
		side   *SourceAccessError
	)
	at := path.Root(root)
	// In the steps, @ stands for the name of the attribute.
	step := func(name, text string) Failure {
		if name != "" {
			at = at.AtName(name)
		}
		return Failure{At: at, Step: strings.ReplaceAll(text, "@", root)}
	}
	switch {
	case errors.Is(err, ErrNoOwnAccount):
		return step(DeliverPrefixAttr, "Set account to its public key, or @.deliver_prefix."), true
	case errors.As(err, &broken):
		return brokenFailure(broken, step), true
	case errors.As(err, &source) && source.Mirror:
		return step(BucketAttr, "Set @ to what that mirror is a mirror of."), true
	case errors.As(err, &source):
		return step(BucketAttr, "Repair the bucket first, as the apply of a nats_kine_bucket does, or set @.bucket to another one."), true
	case errors.As(err, &side):
		return sideFailure(side.Err, step), true
	}
	return Failure{}, false
}

// sideFailure finds out what a failure to look at the source is about.
func sideFailure(err error, step func(name, text string) Failure) Failure {
	var (
		refused *natsconn.AccountAuthError
		absent  *natsconn.NoJetStreamError
	)
	switch {
	case errors.Is(err, kine.ErrNotFound):
		return step(BucketAttr, "Check @.bucket, @.jetstream_domain and @.account, and that the bucket is made before its copy: with @.bucket = nats_kine_bucket.x.name "+
			"it is.")
	case errors.As(err, &refused), errors.Is(err, connection.ErrNoAccountSigningKey):
		return step(AccountAttr, "Here, that is @.account.")
	case errors.As(err, &absent) && absent.Domain != "":
		return step(JetStreamDomainAttr, "Here, that is @.jetstream_domain.")
	}
	return step("", "")
}

// brokenFailure finds out what keeps a copy from following its source.
func brokenFailure(e *mirror.BrokenError, step func(name, text string) Failure) Failure {
	inDomain := e.Source.Domain != ""
	switch e.Cause {
	case mirror.CauseSameDomain:
		return step("", "Another domain: set @.jetstream_domain to that of the source, and jetstream_domain to another one. Another account: set account, and @.account "+
			"or @.api_prefix and @.deliver_prefix. "+shareStep)
	case mirror.CauseNoAnswer:
		if inDomain {
			return step(JetStreamDomainAttr, "Check @.jetstream_domain, and the leaf node connection between the servers of the two domains: it has to join the account "+
				"of the copy on both sides.")
		}
		return step(APIPrefixAttr, "Check @.api_prefix. "+shareStep)
	case mirror.CauseNoDelivery:
		if inDomain {
			return step(JetStreamDomainAttr, "Check the leaf node connection between the servers of the two domains, and what it lets pass.")
		}
		return step(DeliverPrefixAttr, "Check @.deliver_prefix. "+shareStep)
	case mirror.CauseSourceMissing:
		return step(BucketAttr, "Check @.bucket, and that the bucket is made before its copy.")
	case mirror.CauseOtherSource:
		return step(BucketAttr, "Check that @.account and @.jetstream_domain, by which the provider finds the source, lead to the same bucket as @.api_prefix does in the "+
			"account of the copy.")
	case mirror.CauseFlowControl:
		return step("", shareStep)
	case mirror.CauseUnreachable:
		return step("", "The copy stays as it is, and goes on once the source is back. Run apply again then.")
	}
	return step("", "")
}
