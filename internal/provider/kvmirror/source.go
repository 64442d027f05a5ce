package kvmirror

import (
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/nats-k3s/terraform-provider-nats/internal/provider/stream"
)

// sourceAttr is the attribute with the source of the mirror.
const sourceAttr = "source"

var atSource = path.Root(sourceAttr)

// checkSource checks the source of the mirror as far as that is possible without a server.
func (m *mirrorModel) checkSource(action string, s stream.Source, diags *diag.Diagnostics) {
	if !s.Known() || m.Account.IsUnknown() {
		return
	}
	err := s.Check(m.Account, m.JetStreamDomain)
	switch {
	case err != nil:
		addError(diags, action, m, err)
	case !s.Asked() && !s.JetStreamDomain.IsNull():
		diags.AddAttributeError(atSource.AtName(stream.JetStreamDomainAttr), "Invalid Attribute Combination",
			"The prefixes lead the mirror to its source in any domain. source.jetstream_domain has an effect only "+
				"together with source.account, with which the provider queries the source. Set source.account, or "+
				"remove source.jetstream_domain.")
	case !s.Asked() && m.History.IsNull():
		diags.AddAttributeError(path.Root("history"), "Missing Attribute",
			"Without source.account, the provider cannot query how many revisions of each key the source keeps.\n\n"+
				"Set history to the history of the source, or set source.account.")
	}
}
