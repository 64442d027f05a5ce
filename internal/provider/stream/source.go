package stream

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/mirror"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/attribute"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/connection"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/validators"
)

// Names of the attributes of a source that a bucket does not have.
const (
	BucketAttr        = "bucket"
	APIPrefixAttr     = "api_prefix"
	DeliverPrefixAttr = "deliver_prefix"
)

// Source is the object with which mirrors and restored buckets name their source.
type Source struct {
	Bucket          types.String `tfsdk:"bucket"`
	JetStreamDomain types.String `tfsdk:"jetstream_domain"`
	Account         types.String `tfsdk:"account"`
	APIPrefix       types.String `tfsdk:"api_prefix"`
	DeliverPrefix   types.String `tfsdk:"deliver_prefix"`
}

// sourceTypes are the types of the object's attributes.
var sourceTypes = map[string]attr.Type{
	BucketAttr: types.StringType, JetStreamDomainAttr: types.StringType, AccountAttr: types.StringType,
	APIPrefixAttr: types.StringType, DeliverPrefixAttr: types.StringType,
}

// APIPrefixValidator returns a validator for the subject of the JetStream API of another account.
func APIPrefixValidator() validator.String {
	return validators.String("a subject", "Invalid API Prefix", func(prefix string) error {
		return mirror.Source{Bucket: kine.DefaultBucket, APIPrefix: prefix}.Check()
	})
}

// DeliverPrefixValidator returns a validator for the prefix of the subjects on which messages arrive.
func DeliverPrefixValidator() validator.String {
	return validators.String("a subject", "Invalid Deliver Prefix", func(prefix string) error {
		return mirror.Source{Bucket: kine.DefaultBucket, APIPrefix: prefix, DeliverPrefix: prefix}.Check()
	})
}

// SourceOf decodes the object. The fields of an unknown object are unknown.
func SourceOf(ctx context.Context, object types.Object) Source {
	if object.IsUnknown() {
		unknown := types.StringUnknown()
		return Source{unknown, unknown, unknown, unknown, unknown}
	}
	var m Source
	attribute.Decode(ctx, object, &m)
	return m
}

// Object returns the model as a Terraform object.
func (m Source) Object() types.Object {
	return types.ObjectValueMust(sourceTypes, map[string]attr.Value{
		BucketAttr: m.Bucket, JetStreamDomainAttr: m.JetStreamDomain, AccountAttr: m.Account, APIPrefixAttr: m.APIPrefix,
		DeliverPrefixAttr: m.DeliverPrefix,
	})
}

// FoundSource returns the source of an existing mirror. It has no account and, behind a prefix, no domain. The API
// prefix may name the account, but not whether the configuration does: a guess would query a source that the user did
// not name, or replace the mirror.
func FoundSource(s mirror.Source) Source {
	return Source{
		Bucket: types.StringValue(s.Bucket), JetStreamDomain: attribute.Text(s.Domain),
		APIPrefix: attribute.Text(s.APIPrefix), DeliverPrefix: attribute.Text(s.DeliverPrefix),
	}
}

// Known reports whether all values are known.
func (m Source) Known() bool {
	for _, value := range []types.String{m.Bucket, m.JetStreamDomain, m.Account, m.APIPrefix, m.DeliverPrefix} {
		if value.IsUnknown() {
			return false
		}
	}
	return true
}

// NullUnknown replaces unknown optional values with null.
func (m Source) NullUnknown() Source {
	for _, open := range []*types.String{&m.JetStreamDomain, &m.Account, &m.APIPrefix, &m.DeliverPrefix} {
		if open.IsUnknown() {
			*open = types.StringNull()
		}
	}
	return m
}

// InEffect fills in the defaults for a copy in that account and domain: a source that is reached without prefixes is in
// the account of the copy, and a source in another account is searched for in the domain of the copy.
func (m Source) InEffect(account, domain types.String) Source {
	reached := m.WithPrefixes(m, account)
	switch {
	case !reached.BehindPrefixes() && m.Account.IsNull():
		m.Account = account
	case reached.BehindPrefixes() && m.JetStreamDomain.IsNull() &&
		(m.Account.IsUnknown() || reached.APIPrefix.IsUnknown()):
		m.JetStreamDomain = types.StringUnknown()
	case reached.BehindPrefixes() && m.JetStreamDomain.IsNull() && !m.Account.IsNull():
		m.JetStreamDomain = domain
	}
	return m
}

// BehindPrefixes reports whether the mirror's servers reach the source through prefixes.
func (m Source) BehindPrefixes() bool { return !m.APIPrefix.IsNull() || !m.DeliverPrefix.IsNull() }

// WithPrefixes fills in the prefixes that are not configured, for a mirror in the account own. They are known as soon
// as the accounts are. A mirror in the account of the provider's own credentials has no default for the prefix that
// contains its account.
func (m Source) WithPrefixes(config Source, own types.String) Source {
	m.APIPrefix, m.DeliverPrefix = config.APIPrefix, config.DeliverPrefix
	elsewhere := !m.Account.IsNull() && !m.Account.Equal(own)
	unsettled := m.Account.IsUnknown() || elsewhere && own.IsUnknown()
	if m.APIPrefix.IsNull() && unsettled {
		m.APIPrefix = types.StringUnknown()
	} else if m.APIPrefix.IsNull() && elsewhere {
		m.APIPrefix = types.StringValue(mirror.APIPrefix(m.Account.ValueString()))
	}
	if m.DeliverPrefix.IsNull() && (unsettled || elsewhere && m.Bucket.IsUnknown()) {
		m.DeliverPrefix = types.StringUnknown()
	} else if m.DeliverPrefix.IsNull() && elsewhere && !own.IsNull() {
		m.DeliverPrefix = types.StringValue(mirror.DeliverPrefix(m.Bucket.ValueString(), own.ValueString(),
			m.Account.ValueString()))
	}
	return m
}

// MirrorSource returns the source as the mirror's servers reach it.
func (m Source) MirrorSource() mirror.Source {
	source := mirror.Source{Bucket: m.Bucket.ValueString()}
	if m.BehindPrefixes() {
		source.APIPrefix, source.DeliverPrefix = m.APIPrefix.ValueString(), m.DeliverPrefix.ValueString()
	} else {
		source.Domain = m.JetStreamDomain.ValueString()
	}
	return source
}

// Asked reports whether the provider can query the source, which requires an account on its side.
func (m Source) Asked() bool { return !m.BehindPrefixes() || !m.Account.IsNull() }

// API returns the JetStream API on the source's side for a mirror in that account and domain, or nil if the provider
// cannot query it.
func (m Source) API(data *connection.Data, account, domain types.String) (*natsconn.JetStream, error) {
	if !m.Asked() {
		return nil, nil
	}
	if !m.Account.IsNull() {
		account = m.Account
	}
	if !m.JetStreamDomain.IsNull() {
		domain = m.JetStreamDomain
	}
	return data.JetStream(account.ValueString(), domain.ValueString())
}

// Check checks the source of a mirror in that account and domain as far as that is possible without a server.
func (m Source) Check(account, domain types.String) error {
	source := m.MirrorSource()
	if err := source.Check(); err != nil {
		return err
	}
	if source.Domain != "" && source.Domain == domain.ValueString() {
		return &mirror.BrokenError{Cause: mirror.CauseSameDomain, Source: source}
	}
	if !m.Account.IsNull() && !m.Account.Equal(account) && m.DeliverPrefix.IsNull() {
		return ErrNoOwnAccount
	}
	return nil
}
