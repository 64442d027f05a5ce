// Package mirrorsource is the object by which mirrors and restored buckets say what they are copies of.
package mirrorsource

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-framework/types/basetypes"

	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/mirror"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/attribute"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/connection"
	validators "github.com/nats-k3s/terraform-provider-nats/internal/provider/validator"
)

// The names of the object's attributes.
const (
	Bucket          = "bucket"
	JetStreamDomain = "jetstream_domain"
	Account         = "account"
	APIPrefix       = "api_prefix"
	DeliverPrefix   = "deliver_prefix"
)

// Model is the object in Terraform's types.
type Model struct {
	Bucket          types.String `tfsdk:"bucket"`
	JetStreamDomain types.String `tfsdk:"jetstream_domain"`
	Account         types.String `tfsdk:"account"`
	APIPrefix       types.String `tfsdk:"api_prefix"`
	DeliverPrefix   types.String `tfsdk:"deliver_prefix"`
}

// AttributeTypes are the types of the object's attributes.
var AttributeTypes = map[string]attr.Type{
	Bucket: types.StringType, JetStreamDomain: types.StringType, Account: types.StringType,
	APIPrefix: types.StringType, DeliverPrefix: types.StringType,
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

// Of reads the object. Of one that is not known, nothing is.
func Of(ctx context.Context, object types.Object, diags *diag.Diagnostics) Model {
	if object.IsUnknown() {
		unknown := types.StringUnknown()
		return Model{unknown, unknown, unknown, unknown, unknown}
	}
	var m Model
	if !object.IsNull() {
		diags.Append(object.As(ctx, &m, basetypes.ObjectAsOptions{})...)
	}
	return m
}

// Object returns the model as a Terraform object.
func (m Model) Object() types.Object {
	return types.ObjectValueMust(AttributeTypes, map[string]attr.Value{
		Bucket: m.Bucket, JetStreamDomain: m.JetStreamDomain, Account: m.Account, APIPrefix: m.APIPrefix, DeliverPrefix: m.DeliverPrefix,
	})
}

// Found returns the source of a mirror that is there. Who works there, and in which domain behind a prefix, it does not tell. The prefix of the API
// may name the account, but not whether the configuration does: to guess it would ask a source that nobody named, or replace the mirror.
func Found(s mirror.Source) Model {
	return Model{
		Bucket: types.StringValue(s.Bucket), JetStreamDomain: attribute.Text(s.Domain), APIPrefix: attribute.Text(s.APIPrefix), DeliverPrefix: attribute.Text(s.DeliverPrefix),
	}
}

// Known tells whether there is nothing in it that only an apply settles.
func (m Model) Known() bool {
	for _, value := range []types.String{m.Bucket, m.JetStreamDomain, m.Account, m.APIPrefix, m.DeliverPrefix} {
		if value.IsUnknown() {
			return false
		}
	}
	return true
}

// NullUnknown has null what is left out and only the apply settles.
func (m Model) NullUnknown() Model {
	for _, open := range []*types.String{&m.JetStreamDomain, &m.Account, &m.APIPrefix, &m.DeliverPrefix} {
		if open.IsUnknown() {
			*open = types.StringNull()
		}
	}
	return m
}

// InEffect fills in what is left out and is in effect for a copy in that account and domain: a source that is reached without prefixes is in the
// account of the copy, and one in another account is looked for in the domain of the copy.
func (m Model) InEffect(account, domain types.String) Model {
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
func (m Model) BehindPrefixes() bool { return !m.APIPrefix.IsNull() || !m.DeliverPrefix.IsNull() }

// WithPrefixes fills in the prefixes that are not configured, for a mirror in the account own. They are known as soon as the accounts
// are; a mirror in the account of the provider's own credentials has no default for the one that names its account.
func (m Model) WithPrefixes(config Model, own types.String) Model {
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

// Source returns the source as the mirror's servers reach it.
func (m Model) Source() mirror.Source {
	source := mirror.Source{Bucket: m.Bucket.ValueString()}
	if m.BehindPrefixes() {
		source.APIPrefix, source.DeliverPrefix = m.APIPrefix.ValueString(), m.DeliverPrefix.ValueString()
	} else {
		source.Domain = m.JetStreamDomain.ValueString()
	}
	return source
}

// Asked tells whether the provider can ask the source: there is somebody to work as on its side.
func (m Model) Asked() bool { return !m.BehindPrefixes() || !m.Account.IsNull() }

// API returns the JetStream API of the source's side for a mirror in that account and domain, nil if the provider cannot ask there.
func (m Model) API(data *connection.Data, account, domain types.String) (*natsconn.JetStream, error) {
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
func (m Model) Check(account, domain types.String) error {
	source := m.Source()
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
