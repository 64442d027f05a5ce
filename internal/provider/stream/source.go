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

// The names of the attributes of a source that those of a bucket lack.
const (
	BucketAttr        = "bucket"
	APIPrefixAttr     = "api_prefix"
	DeliverPrefixAttr = "deliver_prefix"
)

// Source is the object by which mirrors and restored buckets say what they are copies of.
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

// APIPrefixValidator refuses what is no subject of a JetStream API in another account.
func APIPrefixValidator() validator.String {
	return validators.String("a subject", "Invalid API Prefix", func(prefix string) error {
		return mirror.Source{Bucket: kine.DefaultBucket, APIPrefix: prefix}.Check()
	})
}

// DeliverPrefixValidator refuses what is no subject that messages can come below.
func DeliverPrefixValidator() validator.String {
	return validators.String("a subject", "Invalid Deliver Prefix", func(prefix string) error {
		return mirror.Source{Bucket: kine.DefaultBucket, APIPrefix: prefix, DeliverPrefix: prefix}.Check()
	})
}

// SourceOf reads the object. Of one that is not known, nothing is.
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
		BucketAttr: m.Bucket, JetStreamDomainAttr: m.JetStreamDomain, AccountAttr: m.Account, APIPrefixAttr: m.APIPrefix, DeliverPrefixAttr: m.DeliverPrefix,
	})
}

// FoundSource returns the source of a mirror that is there. Who works there, and in which domain behind a prefix, it does not tell. The prefix of the API
// may name the account, but not whether the configuration does: to guess it would ask a source that nobody named, or replace the mirror.
func FoundSource(s mirror.Source) Source {
	return Source{
		Bucket: types.StringValue(s.Bucket), JetStreamDomain: attribute.Text(s.Domain), APIPrefix: attribute.Text(s.APIPrefix), DeliverPrefix: attribute.Text(s.DeliverPrefix),
	}
}

// Known tells whether there is nothing in it that only an apply settles.
func (m Source) Known() bool {
	for _, value := range []types.String{m.Bucket, m.JetStreamDomain, m.Account, m.APIPrefix, m.DeliverPrefix} {
		if value.IsUnknown() {
			return false
		}
	}
	return true
}

// NullUnknown has null what is left out and only the apply settles.
func (m Source) NullUnknown() Source {
	for _, open := range []*types.String{&m.JetStreamDomain, &m.Account, &m.APIPrefix, &m.DeliverPrefix} {
		if open.IsUnknown() {
			*open = types.StringNull()
		}
	}
	return m
}

// InEffect fills in what is left out and is in effect for a copy in that account and domain: a source that is reached without prefixes is in the
// account of the copy, and one in another account is looked for in the domain of the copy.
func (m Source) InEffect(account, domain types.String) Source {
	reached := m.WithPrefixes(m, account)
	switch {
	case !reached.BehindPrefixes() && m.Account.IsNull():
		m.Account = account
	case reached.BehindPrefixes() && m.JetStreamDomain.IsNull() && (m.Account.IsUnknown() || reached.APIPrefix.IsUnknown()):
		m.JetStreamDomain = types.StringUnknown()
	case reached.BehindPrefixes() && m.JetStreamDomain.IsNull() && !m.Account.IsNull():
		m.JetStreamDomain = domain
	}
	return m
}

// BehindPrefixes tells whether the mirror's servers reach the source by prefixes.
func (m Source) BehindPrefixes() bool { return !m.APIPrefix.IsNull() || !m.DeliverPrefix.IsNull() }

// WithPrefixes fills in the prefixes that are not configured, for a mirror in the account own. They are known as soon as the accounts
// are; a mirror in the account of the provider's own credentials has no default for the one that names its account.
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
		m.DeliverPrefix = types.StringValue(mirror.DeliverPrefix(m.Bucket.ValueString(), own.ValueString(), m.Account.ValueString()))
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

// Asked tells whether the provider can ask the source: there is somebody to work as on its side.
func (m Source) Asked() bool { return !m.BehindPrefixes() || !m.Account.IsNull() }

// API returns the JetStream API of the source's side for a mirror in that account and domain, nil if the provider cannot ask there.
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

// Check tells what can be seen without a server to be wrong with the source of a mirror in that account and domain.
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
