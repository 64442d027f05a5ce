package kvmirror

import (
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/nats-k3s/terraform-provider-nats/internal/provider/stream"
)

// sourceAttr is the attribute that says what is mirrored.
const sourceAttr = "source"

var atSource = path.Root(sourceAttr)

// checkSource tells what can be seen without a server to be wrong with the source of the mirror.
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
			"The prefixes lead the mirror to its source, whatever domain that is in. jetstream_domain only counts together with account, by which the "+
				"provider finds the source. Set that too, or leave jetstream_domain out.")
	case !s.Asked() && m.History.IsNull():
		diags.AddAttributeError(path.Root("history"), "Missing Attribute",
			"The provider cannot ask the source how many revisions it keeps of each key, because no source.account says whom to work as there.\n\n"+
				"Set history to what the source has, or source.account.")
	}
}
