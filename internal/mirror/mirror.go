// Package mirror keeps a copy of a KINE bucket somewhere else: in another JetStream domain or in another account, from where
// it can be promoted to a bucket that KINE goes on with.
//
// A mirror keeps the sequences and the times of its source's messages, and with them the revisions of etcd. Its stream is
// that of the KINE contract but for what the server takes on no mirror (the subjects and the duplicate window), so that one
// update makes a bucket of it. Everything that the contract says is read from [kine.Contract].
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

// Source is what a mirror copies, as the servers of the mirror reach it.
type Source struct {
	// Bucket is the name of the bucket.
	Bucket string
	// Domain is the JetStream domain that the bucket is in, another one than the mirror's. It excludes the prefixes.
	Domain string
	// APIPrefix is the subject under which the JetStream API of the source's account was imported into the mirror's account,
	// in place of $JS.API; DeliverPrefix is the one under which its messages were.
	APIPrefix, DeliverPrefix string
}

// Check tells what makes a source one that no mirror can be made of.
func (s Source) Check() error {
	if err := kine.CheckBucket(s.Bucket); err != nil {
		return err
	}
	switch {
	case s.Domain != "" && (s.APIPrefix != "" || s.DeliverPrefix != ""):
		return errors.New("a source is in another JetStream domain or behind the prefixes of another account, not both")
	case s.Domain != "" && (strings.Contains(s.Domain, ".") || !isSubject(s.Domain)):
		return secret.Errorf("%q is not the name of a JetStream domain", s.Domain)
	case s.APIPrefix != "" && !isSubject(s.api()):
		return secret.Errorf("the API prefix %q is no subject without wildcards", s.APIPrefix)
	case s.DeliverPrefix != "" && !isSubject(strings.TrimSuffix(s.DeliverPrefix, ".")):
		return secret.Errorf("the deliver prefix %q is no subject without wildcards", s.DeliverPrefix)
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

// isSubject tells whether a text is a subject without wildcards.
func isSubject(text string) bool {
	for token := range strings.SplitSeq(text, ".") {
		if token == "" || strings.ContainsAny(token, "*> ") || invisible.Check(token) != nil {
			return false
		}
	}
	return true
}

// Equal tells whether two sources are the same to a server: a domain is the same as its API prefix.
func (s Source) Equal(other Source) bool {
	trim := func(prefix string) string { return strings.TrimSuffix(prefix, ".") }
	return s.Bucket == other.Bucket && s.api() == other.api() && trim(s.DeliverPrefix) == trim(other.DeliverPrefix)
}

// isOwnAPI tells whether an API prefix is that of the mirror's own account and domain.
func isOwnAPI(prefix string) bool { return strings.TrimSuffix(prefix, ".") == ownAPIPrefix }

// api returns the prefix in place of $JS.API that the mirror's servers speak to the source with.
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

// readSource reads the source of a mirror out of its stream's configuration.
func readSource(m *jetstream.StreamSource) Source {
	s := Source{Bucket: strings.TrimPrefix(m.Name, kine.StreamName(""))}
	if m.External == nil {
		return s
	}
	s.APIPrefix, s.DeliverPrefix = strings.TrimSuffix(m.External.APIPrefix, "."), strings.TrimSuffix(m.External.DeliverPrefix, ".")
	if domain := domainOf(s.APIPrefix); domain != "" && s.DeliverPrefix == "" {
		s.Domain, s.APIPrefix = domain, ""
	}
	return s
}

// domainOf returns the JetStream domain that an API prefix leads to, empty if it is that of no domain.
func domainOf(prefix string) string {
	rest, ok := strings.CutPrefix(prefix, apiPrefix)
	domain, isDomain := strings.CutSuffix(rest, apiSuffix)
	if !ok || !isDomain || strings.Contains(domain, ".") {
		return ""
	}
	return domain
}

// Spec is what a mirror shall be. Its stream has the name of the bucket that it becomes when it is promoted, which may differ
// from the source's: the keys are then renamed. Its history is the source's own, which [Probe] tells: the mirror then has the
// same messages, and its promotion changes nothing about them. Its replicas are independent of the source's.
type Spec struct {
	kine.Spec
	Source Source
}

// form returns the configuration of the mirror's stream.
func (s Spec) form() kine.Form {
	c := kine.Contract(s.Spec)
	c.Subjects, c.Duplicates = nil, 0 // refused on a mirror
	c.MirrorDirect = false            // it would answer KINE's reads of the source with what is not the latest
	c.Mirror = &jetstream.StreamSource{
		Name:     kine.StreamName(s.Source.Bucket),
		External: &jetstream.ExternalStream{APIPrefix: s.Source.api(), DeliverPrefix: strings.TrimSuffix(s.Source.DeliverPrefix, ".")},
	}
	if s.Name != s.Source.Bucket {
		c.Mirror.SubjectTransforms = []jetstream.SubjectTransformConfig{
			{Source: kine.Subjects(s.Source.Bucket), Destination: kine.Subjects(s.Name)},
		}
	}
	return kine.NewForm(s.Spec, c)
}

// restoreMetadata marks the stream of a mirror that a restoration has made to make a bucket of it. Without the mark, a mirror is
// somebody's copy of a bucket that may well be in use, and no restoration promotes it.
const restoreMetadata = "nats-k3s.restore"

// restoring returns the configuration of the mirror's stream while a bucket is restored by it. The promotion removes the mark.
func (s Spec) restoring() kine.Form {
	return s.form().With("metadata", map[string]string{restoreMetadata: s.Source.Bucket})
}

// Never is the [Mirror.Active] of a mirror that has had no sign of life of its source, since it exists or since the server
// that leads it was started.
const Never = time.Duration(-1)

// Mirror is a mirror as the server has it.
type Mirror struct {
	// Bucket is what a mirror has in common with one. Its differences are those from what the stream of a mirror of this source
	// should be, history and replicas aside; of a promoted one, those from the KINE contract. [Create] and [Establish] set Adopted.
	// Only a promoted mirror has a fence.
	kine.Bucket
	// Source is empty once the mirror was promoted. It has a Domain wherever its prefix is that of one.
	Source Source
	// Lag is how many messages of the source it knows of and does not have yet, as far as it has contact.
	Lag uint64
	// Active is the time since the last sign of life of the source, which sends one each second, or [Never].
	Active time.Duration
	// Error is what the server says is wrong with following, nil if it says nothing.
	Error *natsconn.APIError
	// Promoted is set once the stream is no mirror any more. It is a bucket then, for package kine to work on.
	Promoted bool
}

// spec returns the mirror's specification, as read from its stream.
func (m *Mirror) spec() Spec { return Spec{Spec: m.Bucket.Spec, Source: m.Source} }

// read reads a stream as that of a mirror.
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

// Read returns the mirror of that name with one request to the JetStream API, repeated while the answer is lost and ctx
// allows. The error is [kine.ErrNotFound] if the server says that there is none. A stream that is no mirror is returned as
// one that was promoted.
func Read(ctx context.Context, js *natsconn.JetStream, name string) (*Mirror, error) {
	info, err := kine.OpenStream(js, name).Read(ctx)
	if err != nil {
		return nil, err
	}
	return read(info), nil
}
