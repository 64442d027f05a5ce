// Package mirror keeps a copy of a KINE bucket in another JetStream domain or in another account, where the copy can be
// promoted to a bucket with which KINE continues.
//
// A mirror keeps the sequences and times of its source's messages, and with them the revisions of etcd. Its stream has
// the configuration of the KINE contract except the settings that the server rejects on a mirror (the subjects and the
// duplicate window), so a single update turns it into a bucket. All settings come from [kine.Contract].
package mirror

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/nats-k3s/terraform-provider-nats/internal/invisible"
	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

// Source is the bucket that a mirror copies, as the servers of the mirror reach it.
type Source struct {
	// Bucket is the name of the bucket.
	Bucket string
	// Domain is the JetStream domain of the bucket. It differs from the mirror's and excludes the prefixes.
	Domain string
	// APIPrefix is the subject under which the mirror's account imports the JetStream API of the source's account,
	// instead of $JS.API. DeliverPrefix is the subject under which it imports the messages.
	APIPrefix, DeliverPrefix string
}

// Check returns an error if no mirror can be created from the source.
func (s Source) Check() error {
	if err := kine.CheckBucket(s.Bucket); err != nil {
		return err
	}
	switch {
	case s.Domain != "" && (s.APIPrefix != "" || s.DeliverPrefix != ""):
		return errors.New("set either the JetStream domain of the source or the prefixes of its account, not both")
	case s.Domain != "" && (strings.Contains(s.Domain, ".") || !isSubject(s.Domain)):
		return secret.Errorf("%q is not the name of a JetStream domain", s.Domain)
	case s.APIPrefix != "" && !isSubject(s.api()):
		return secret.Errorf("the API prefix %q is not a subject without wildcards", s.APIPrefix)
	case s.DeliverPrefix != "" && !isSubject(strings.TrimSuffix(s.DeliverPrefix, ".")):
		return secret.Errorf("the deliver prefix %q is not a subject without wildcards", s.DeliverPrefix)
	case s.Domain == "" && s.APIPrefix == "", isOwnAPI(s.APIPrefix):
		return &BrokenError{Cause: CauseSameDomain, Source: s}
	}
	return nil
}

const (
	apiPrefix    = "$JS."
	apiSuffix    = ".API"
	ownAPIPrefix = "$JS.API"
)

// isSubject reports whether a text is a subject without wildcards.
func isSubject(text string) bool {
	for token := range strings.SplitSeq(text, ".") {
		if token == "" || strings.ContainsAny(token, "*> ") || invisible.Check(token) != nil {
			return false
		}
	}
	return true
}

// Equal reports whether a server treats two sources as the same. A domain equals its API prefix.
func (s Source) Equal(other Source) bool {
	trim := func(prefix string) string { return strings.TrimSuffix(prefix, ".") }
	return s.Bucket == other.Bucket && s.api() == other.api() && trim(s.DeliverPrefix) == trim(other.DeliverPrefix)
}

// isOwnAPI reports whether an API prefix leads to the mirror's own account and domain.
func isOwnAPI(prefix string) bool { return strings.TrimSuffix(prefix, ".") == ownAPIPrefix }

// api returns the prefix, instead of $JS.API, under which the mirror's servers reach the source.
func (s Source) api() string {
	if s.Domain != "" {
		return apiPrefix + s.Domain + apiSuffix
	}
	return strings.TrimSuffix(s.APIPrefix, ".")
}

func (s Source) String() string {
	switch {
	case s.Domain != "":
		return secret.Sprintf("bucket %s in the JetStream domain %q", s.Bucket, s.Domain)
	case s.APIPrefix != "":
		return secret.Sprintf("bucket %s behind the API prefix %q", s.Bucket, s.APIPrefix)
	}
	return "bucket " + s.Bucket
}

// readSource returns the source of a mirror from its stream's configuration.
func readSource(m *jetstream.StreamSource) Source {
	s := Source{Bucket: strings.TrimPrefix(m.Name, kine.StreamName(""))}
	if m.External == nil {
		return s
	}
	s.APIPrefix, s.DeliverPrefix = strings.TrimSuffix(m.External.APIPrefix,
		"."), strings.TrimSuffix(m.External.DeliverPrefix, ".")
	if domain := domainOf(s.APIPrefix); domain != "" && s.DeliverPrefix == "" {
		s.Domain, s.APIPrefix = domain, ""
	}
	return s
}

// domainOf returns the JetStream domain of an API prefix, or "" if the prefix is not the one of a domain.
func domainOf(prefix string) string {
	rest, ok := strings.CutPrefix(prefix, apiPrefix)
	domain, isDomain := strings.CutSuffix(rest, apiSuffix)
	if !ok || !isDomain || strings.Contains(domain, ".") {
		return ""
	}
	return domain
}

// Spec specifies a mirror. The name is that of the bucket after promotion. It may differ from the source's, and the
// keys are then renamed. The history must be the source's, which [Probe] returns, so that the mirror has the same
// messages before and after its promotion. The number of replicas is independent of the source.
type Spec struct {
	kine.Spec
	Source Source
}

// form returns the configuration of the mirror's stream.
func (s Spec) form() kine.Form {
	c := kine.Contract(s.Spec)
	c.Subjects, c.Duplicates = nil, 0 // the server rejects them on a mirror
	c.MirrorDirect = false            // the mirror would answer KINE's reads of the source with outdated values
	c.Mirror = &jetstream.StreamSource{
		Name: kine.StreamName(s.Source.Bucket),
		External: &jetstream.ExternalStream{APIPrefix: s.Source.api(),
			DeliverPrefix: strings.TrimSuffix(s.Source.DeliverPrefix, ".")},
	}
	if s.Name != s.Source.Bucket {
		c.Mirror.SubjectTransforms = []jetstream.SubjectTransformConfig{
			{Source: kine.Subjects(s.Source.Bucket), Destination: kine.Subjects(s.Name)},
		}
	}
	return kine.NewForm(s.Spec, c)
}

// restoreMetadata marks a mirror that a restoration created to turn it into a bucket. A mirror without the mark may be
// in use as a copy, so no restoration promotes it.
const restoreMetadata = "nats-k3s.restore"

// restoring returns the configuration of the mirror's stream during a restoration. Promotion removes the mark.
func (s Spec) restoring() kine.Form {
	return s.form().With("metadata", map[string]string{restoreMetadata: s.Source.Bucket})
}

// Never is the [Mirror.Active] of a mirror that has had no sign of life of its source since it was created or since its
// leader was started.
const Never = time.Duration(-1)

// Mirror is a mirror as a server reports it.
type Mirror struct {
	// Bucket has what a mirror and a bucket have in common. The differences of a mirror are its deviations from the
	// mirror of this source, with any history and number of replicas; those of a promoted one are its deviations from
	// the KINE contract. [Create] and [Establish] set Adopted. Only a promoted mirror has a fence.
	kine.Bucket
	// Source is empty once the mirror is promoted. Its Domain is set if the prefix is the one of a domain.
	Source Source
	// Lag is the number of pending messages of the source, as of the last contact.
	Lag uint64
	// Active is the time since the last sign of life of the source, which sends one each second, or [Never].
	Active time.Duration
	// Error is the error that the server reports, or nil.
	Error *natsconn.APIError
	// Promoted is true if the stream is no longer a mirror. It is then a bucket, which package kine handles.
	Promoted bool
}

// spec returns the specification of the mirror as its stream shows it.
func (m *Mirror) spec() Spec { return Spec{Spec: m.Bucket.Spec, Source: m.Source} }

// read converts a stream to a mirror.
func read(info *kine.StreamInfo) *Mirror {
	m := &Mirror{Bucket: *info.Bucket(), Active: Never}
	var source *jetstream.StreamSource
	info.Config.Get("mirror", &source)
	if source == nil {
		m.Promoted = true
		return m
	}
	m.Source = readSource(source)
	m.Fence, m.Differences = nil, info.Config.Differences(m.spec().form())
	if info.Mirror != nil {
		m.Lag, m.Active, m.Error = info.Mirror.Lag, info.Mirror.Active, info.Mirror.Error
	}
	return m
}

// Read reads a mirror with one request to the JetStream API. It repeats the request while answers are lost and ctx
// allows. The error is [kine.ErrNotFound] if the stream does not exist. A stream that is not a mirror is returned as
// promoted.
func Read(ctx context.Context, js *natsconn.JetStream, name string) (*Mirror, error) {
	info, err := kine.OpenStream(js, name).Read(ctx)
	if err != nil {
		return nil, err
	}
	return read(info), nil
}
