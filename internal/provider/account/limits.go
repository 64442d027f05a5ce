package account

import (
	"maps"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/claimattr"
	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

// warnOfLimits warns about limits under which KINE does not work. It ignores accounts without JetStream disk storage,
// which KINE cannot use.
func warnOfLimits(account claims.Account, diags *diag.Diagnostics) {
	at := path.Root("jetstream")
	onDisk := false
	if account.JetStream != nil {
		onDisk = warnOfJetStream(account.Name, at, account.JetStream, diags)
	}
	for _, name := range slices.Sorted(maps.Keys(account.Tiers)) {
		tier := account.Tiers[name]
		onDisk = warnOfJetStream(account.Name, at.AtName("tiers").AtMapKey(name), &tier, diags) || onDisk
	}
	if onDisk {
		limits := kine.Limits{Subscriptions: account.Limits.Subscriptions, Connections: account.Limits.Connections,
			Payload: account.Limits.Payload}
		warnOf(account.Name, path.Root("limits"), limits, diags)
	}
}

// warnOfJetStream warns about the limits at an attribute, and reports whether they allow streams on disk.
func warnOfJetStream(account string, at path.Path, limits *claims.JetStream, diags *diag.Diagnostics) (onDisk bool) {
	if limits.DiskStorage != nil && *limits.DiskStorage == 0 {
		return false
	}
	if limits.MaxBytesRequired {
		diags.AddAttributeWarning(at.AtName("max_bytes_required"), "KINE Does Not Start With max_bytes_required",
			secret.Sprintf("The account %q refuses streams without a maximum size, and KINE's stream does not have one: "+
				"k3s in this account does not start, not even on an existing bucket.\n\nTo limit what k3s stores, set "+
				"disk_storage and disk_max_stream_bytes.", account))
	}
	warnOf(account, at,
		kine.Limits{Streams: limits.Streams, Consumers: limits.Consumers, Storage: limits.DiskStorage}, diags)
	return true
}

// warnOf warns about each limit below an attribute that is lower than KINE needs.
func warnOf(account string, at path.Path, limits kine.Limits, diags *diag.Diagnostics) {
	claimattr.WarnOfKINE(diags, at, limits, secret.Sprintf("Account %q", account), "A k3s in this account",
		" Ignore this warning if no k3s stores its state in the account.")
}
