package kvmirror

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-framework/types/basetypes"

	"github.com/nats-k3s/terraform-provider-nats/internal/mirror"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
)

type sourceConfig struct {
	Bucket          types.String `tfsdk:"bucket"`
	JetStreamDomain types.String `tfsdk:"jetstream_domain"`
	Account         types.String `tfsdk:"account"`
	APIPrefix       types.String `tfsdk:"api_prefix"`
	DeliverPrefix   types.String `tfsdk:"deliver_prefix"`
}

var sourceTypes = map[string]attr.Type{
	"bucket": types.StringType, "jetstream_domain": types.StringType, "account": types.StringType,
	"api_prefix": types.StringType, "deliver_prefix": types.StringType,
}

// The paths of the source's attributes.
var (
	atSource        = path.Root("source")
	atBucket        = atSource.AtName("bucket")
	atSourceDomain  = atSource.AtName("jetstream_domain")
	atSourceAccount = atSource.AtName("account")
	atAPIPrefix     = atSource.AtName("api_prefix")
	atDeliverPrefix = atSource.AtName("deliver_prefix")
)

// sourceOf reads the source of a model. Of one that is not known, nothing is.
func sourceOf(ctx context.Context, object types.Object, diags *diag.Diagnostics) sourceConfig {
	if object.IsUnknown() {
		unknown := types.StringUnknown()
		return sourceConfig{unknown, unknown, unknown, unknown, unknown}
	}
	var s sourceConfig
	if !object.IsNull() {
		diags.Append(object.As(ctx, &s, basetypes.ObjectAsOptions{})...)
	}
	return s
}

func (s sourceConfig) object() types.Object {
	return types.ObjectValueMust(sourceTypes, map[string]attr.Value{
		"bucket": s.Bucket, "jetstream_domain": s.JetStreamDomain, "account": s.Account,
		"api_prefix": s.APIPrefix, "deliver_prefix": s.DeliverPrefix,
	})
}

// found returns the source of a mirror that is imported. Who works there, and where, it does not tell.
func found(s mirror.Source) sourceConfig {
	return sourceConfig{
		Bucket: types.StringValue(s.Bucket), JetStreamDomain: optional(s.Domain),
		APIPrefix: optional(s.APIPrefix), DeliverPrefix: optional(s.DeliverPrefix),
	}
}

// known tells whether there is nothing in it that only an apply settles.
func (s sourceConfig) known() bool {
	for _, value := range []types.String{s.Bucket, s.JetStreamDomain, s.Account, s.APIPrefix, s.DeliverPrefix} {
		if value.IsUnknown() {
			return false
		}
	}
	return true
}

// nullUnknown has the prefixes null that only the apply settles.
func (s sourceConfig) nullUnknown() sourceConfig {
	for _, prefix := range []*types.String{&s.APIPrefix, &s.DeliverPrefix} {
		if prefix.IsUnknown() {
			*prefix = types.StringNull()
		}
	}
	return s
}

// behindPrefixes tells whether the mirror's servers reach the source by prefixes.
func (s sourceConfig) behindPrefixes() bool {
	return !s.APIPrefix.IsNull() || !s.DeliverPrefix.IsNull()
}

// withPrefixes fills in the prefixes that are not configured, for a mirror in the account own. They are known as soon as the accounts
// are; a mirror in the account of the provider's own credentials has no default for the one that names its account.
func (s sourceConfig) withPrefixes(config sourceConfig, own types.String) sourceConfig {
	s.APIPrefix, s.DeliverPrefix = config.APIPrefix, config.DeliverPrefix
	elsewhere := !s.Account.IsNull() && !s.Account.Equal(own)
	unsettled := s.Account.IsUnknown() || elsewhere && own.IsUnknown()
	if s.APIPrefix.IsNull() && unsettled {
		s.APIPrefix = types.StringUnknown()
	} else if s.APIPrefix.IsNull() && elsewhere {
		s.APIPrefix = types.StringValue(mirror.APIPrefix(s.Account.ValueString()))
	}
	if s.DeliverPrefix.IsNull() && (unsettled || elsewhere && s.Bucket.IsUnknown()) {
		s.DeliverPrefix = types.StringUnknown()
	} else if s.DeliverPrefix.IsNull() && elsewhere && !own.IsNull() {
		s.DeliverPrefix = types.StringValue(mirror.DeliverPrefix(s.Bucket.ValueString(), own.ValueString(), s.Account.ValueString()))
	}
	return s
}

// source returns the source as the mirror's servers reach it.
func (s sourceConfig) source() mirror.Source {
	source := mirror.Source{Bucket: s.Bucket.ValueString()}
	if s.behindPrefixes() {
		source.APIPrefix, source.DeliverPrefix = s.APIPrefix.ValueString(), s.DeliverPrefix.ValueString()
	} else {
		source.Domain = s.JetStreamDomain.ValueString()
	}
	return source
}

// asked tells whether the provider can ask the source: there is somebody to work as on its side.
func (s sourceConfig) asked() bool { return !s.behindPrefixes() || !s.Account.IsNull() }

// sourceAPI returns the JetStream API of the source's side, nil if the provider cannot ask there.
func (r *mirrorResource) sourceAPI(m *mirrorModel, s sourceConfig) (*natsconn.JetStream, error) {
	if !s.asked() {
		return nil, nil
	}
	account, domain := s.Account, s.JetStreamDomain
	if account.IsNull() {
		account = m.Account
	}
	if domain.IsNull() {
		domain = m.JetStreamDomain
	}
	return r.data.JetStream(account.ValueString(), domain.ValueString())
}

// check tells what can be seen without a server to be wrong with the source of a mirror.
func (s sourceConfig) check(action string, m *mirrorModel, diags *diag.Diagnostics) {
	if !s.known() || m.Account.IsUnknown() || m.JetStreamDomain.IsUnknown() {
		return
	}
	source := s.source()
	err := source.Check()
	if err == nil && source.Domain != "" && source.Domain == m.JetStreamDomain.ValueString() {
		err = &mirror.BrokenError{Cause: mirror.CauseSameDomain, Source: source}
	}
	switch {
	case err != nil:
		addError(diags, action, m, err)
	case !s.Account.IsNull() && !s.Account.Equal(m.Account) && s.DeliverPrefix.IsNull():
		diags.AddAttributeError(atDeliverPrefix, "Unable to "+action+" "+what,
			"The subject below which the source's messages come names the account of the mirror, which is not known here: it is that of the provider's "+
				"own credentials.\n\nSet account to its public key, or deliver_prefix.")
	case !s.asked() && !s.JetStreamDomain.IsNull():
		diags.AddAttributeError(atSourceDomain, "Invalid Attribute Combination",
			"The prefixes lead the mirror to its source, whatever domain that is in. jetstream_domain only counts together with account, by which the "+
				"provider finds the source. Set that too, or leave jetstream_domain out.")
	case !s.asked() && m.History.IsNull():
		diags.AddAttributeError(path.Root("history"), "Missing Attribute",
			"The provider cannot ask the source how many revisions it keeps of each key, because no source.account says whom to work as there.\n\n"+
				"Set history to what the source has, or source.account.")
	}
}
