package account

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/connection"
	"github.com/nats-k3s/terraform-provider-nats/internal/resolver"
	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

// What is pending when the servers have lost the account, when its streams may refuse writes, and when it is not known what a push came to.
const (
	pendingGone      = "the servers do not have the account"
	pendingStreams   = "its streams have to be updated to the new limits"
	pendingUncertain = "it is not known whether the servers have the account"
)

type (
	// existsError says that there is an account with that public key already.
	existsError struct{ publicKey, name string }
	// changedError says that somebody changed the account after the plan was made.
	changedError struct {
		publicKey string
		fields    []string
	}
	// goneError says that somebody deleted the account after the plan was made.
	goneError struct{ publicKey string }
	// streamsError says that the account still has streams.
	streamsError struct {
		publicKey string
		streams   []string
	}
	// tiersError says that the account has streams, which the change would make read-only.
	tiersError streamsError
	// jetStreamError says that the account has streams, which the change would take away.
	jetStreamError streamsError
)

func (e *existsError) Error() string {
	return secret.Sprintf("the servers have an account %s already, with the name %q and other claims", e.publicKey, e.name)
}

func (e *changedError) Error() string {
	return fmt.Sprintf("the account %s was changed after the plan was made: %s", e.publicKey, strings.Join(e.fields, ", "))
}

func (e *goneError) Error() string {
	return fmt.Sprintf("the account %s was deleted after the plan was made", e.publicKey)
}

// namedStreams is how many streams an error names.
const namedStreams = 10

func (e *streamsError) Error() string {
	names, more := e.streams, ""
	if len(names) > namedStreams {
		names, more = names[:namedStreams], fmt.Sprintf(" and %d more", len(names)-namedStreams)
	}
	return fmt.Sprintf("the account %s still has streams: %s%s", e.publicKey, strings.Join(names, ", "), more)
}

func (e *tiersError) Error() string { return (*streamsError)(e).Error() }

func (e *jetStreamError) Error() string { return (*streamsError)(e).Error() }

// addError tells a failure of an action on the account.
func addError(diags *diag.Diagnostics, action string, m *accountModel, err error) {
	at, step := explain(m, err)
	detail := secret.Sprintf("Account %q: %s", m.Name.ValueString(), connection.Explain(err))
	if step != "" {
		detail += "\n\n" + step
	}
	summary := fmt.Sprintf("Unable to %s %s", action, what)
	if at.Equal(path.Empty()) {
		diags.AddError(summary, detail)
		return
	}
	diags.AddAttributeError(at, summary, detail)
}

// explain returns the attribute that a failure is about, if there is one, and the step to take, unless the connection's own
// explanation says it.
func explain(m *accountModel, err error) (at path.Path, step string) {
	var (
		exists     *existsError
		changed    *changedError
		gone       *goneError
		streams    *streamsError
		tiers      *tiersError
		jetStream  *jetStreamError
		incomplete *resolver.IncompleteError
		conflict   *resolver.ConflictError
		tooLarge   *natsconn.PayloadError
	)
	switch {
	case errors.As(err, &exists):
		return path.Root("public_key"), fmt.Sprintf("If it is the one you mean, import it: terraform import ADDRESS %s, where ADDRESS is the address of this "+
			"resource. An account that was destroyed comes back like that if a server was down at that time: import it and destroy it again.",
			exists.publicKey)
	case errors.As(err, &changed), errors.As(err, &gone), errors.As(err, &conflict):
		return path.Empty(), "Nothing of the other change was overwritten unless this says so. Run plan again to see what is there now."
	case errors.As(err, &streams):
		return path.Empty(), "Their data would stay on the servers' disks, out of reach, and come back with the account. Destroy what they belong to first, or " +
			"set force_destroy = true and apply that, which lets the destroy delete them."
	case errors.As(err, &tiers):
		return path.Root("jetstream"), "When tiers give way to limits for all streams, nats-server takes no writes on streams that are there, until each server " +
			"that holds them was restarted. Nothing was changed. Keep the tiers: R1, R3 and so on can have the same limits."
	case errors.As(err, &jetStream):
		return path.Root("jetstream"), "Without JetStream they stop answering at once, and replicated ones were seen not to come back with it. Nothing was changed. " +
			"Put jetstream into the configuration as it was, or destroy what the streams belong to first."
	case errors.As(err, &incomplete):
		return path.Empty(), "A server that still has the account gives it back to all others once it is up. Bring it up and destroy again; if it is gone for " +
			"good, remove it from the cluster (nats server cluster peer-remove) first."
	case errors.As(err, &tooLarge):
		return path.Empty(), "Nothing was pushed. Shorten the descriptions of exports and imports or leave them out, move exports to further accounts, or raise " +
			"max_payload in the configuration of all servers."
	case errors.Is(err, resolver.ErrNotFound):
		return path.Root("public_key"), "Check the public key, and that the provider is connected to the NATS system that the account is in."
	case m.PublicKey.IsUnknown():
		return path.Empty(), ""
	}
	return path.Empty(), ""
}

// notePending notes the servers that have not confirmed the account.
func (m *accountModel) notePending(missing []string, diags *diag.Diagnostics) {
	if len(missing) == 0 {
		return
	}
	servers := strings.Join(missing, ", ")
	m.Pending = types.StringValue("not confirmed by " + servers)
	diags.AddWarning("Account Is Not on All Servers", secret.Sprintf("The account %q was pushed, but not confirmed by %s. A server that was down takes it over "+
		"from the others when it comes back; the next plan tells whether it has.", m.Name.ValueString(), servers))
}

// warnOfLoading warns of servers that may still have to load the account.
func (m *accountModel) warnOfLoading(err error, diags *diag.Diagnostics) {
	if err == nil {
		return
	}
	diags.AddWarning("Servers May Not Have Loaded the Account", secret.Sprintf("The account %q was pushed. Whether every server has loaded it could not be found out, and one that "+
		"loads it while its first stream is made may lose that stream at its next start. The provider looks for that when it makes a bucket.\n\n%s",
		m.Name.ValueString(), connection.Explain(err)))
}

// warnOfImports warns of imports that have no effect.
func (m *accountModel) warnOfImports(ineffective []claims.Import, unknown error, diags *diag.Diagnostics) {
	if unknown != nil {
		diags.AddAttributeWarning(path.Root("imports"), "Imports Were Not Checked", secret.Sprintf("The account %q was pushed. Whether the servers accept its "+
			"imports could not be found out.\n\n%s", m.Name.ValueString(), connection.Explain(unknown)))
	}
	if len(ineffective) == 0 {
		return
	}
	var lines strings.Builder
	for _, i := range ineffective {
		lines.WriteString(secret.Sprintf("\n- the %s %q of the account %s", i.Type, i.Subject, i.Account))
	}
	diags.AddAttributeWarning(path.Root("imports"), "Imports Have No Effect", secret.Sprintf("The servers store the account %q and leave out these imports:\n%s\n\n"+
		"An import has an effect if the other account exports that subject with the same type, and if a token is given where the export has "+
		"token_required. Mend the import or the export; if the other account is made later in the same apply, refer to its attributes here, so "+
		"that it is made first.", m.Name.ValueString(), lines.String()))
}

// warnOfAdoption warns that a creation took over an account that was there before, as it was signed at a time.
func (m *accountModel) warnOfAdoption(signed time.Time, diags *diag.Diagnostics) {
	diags.AddAttributeWarning(path.Root("public_key"), "Account Was There Already", secret.Sprintf("The servers had the account %s (%q) already, signed at %s "+
		"with the same claims, and it was taken over. An apply that was interrupted leaves that, as does a replacement that creates first.\n\nIf neither was the "+
		"case, another resource, workspace or configuration owns it: take it out of this state then, with state rm.", m.PublicKey.ValueString(), m.Name.ValueString(),
		signed.UTC().Format(time.RFC3339)))
}

// noteUncertain notes that a new account was pushed without an answer.
func (m *accountModel) noteUncertain(err *resolver.UncertainError, diags *diag.Diagnostics) {
	m.JWT, m.Pending = types.StringValue(err.Token), types.StringValue(pendingUncertain)
	diags.AddWarning("Account May Not Be on the Servers", secret.Sprintf("Account %q: %s\n\nIt is kept in the state, so that its identity is not lost. The next plan "+
		"tells whether the servers have it, and an apply goes on with it.", m.Name.ValueString(), connection.Explain(err)))
}

func sorted(names []string) []string {
	slices.Sort(names)
	return names
}

// touchStreams makes the streams of an account writable again after its limits became tiers.
func (r *accountResource) touchStreams(ctx context.Context, plan *accountModel, signer *claims.Signer, diags *diag.Diagnostics) {
	publicKey := plan.PublicKey.ValueString()
	accounts, err := r.data.Resolver()
	if err == nil {
		_, err = accounts.TouchStreams(ctx, publicKey, signer)
	}
	if err == nil { // which signed the account again
		var stored *resolver.Stored
		if stored, err = accounts.Lookup(ctx, publicKey); err == nil {
			plan.JWT = types.StringValue(stored.Token)
		}
	}
	if err != nil {
		plan.Pending = types.StringValue(pendingStreams)
		diags.AddWarning("Streams May Refuse Writes", fmt.Sprintf("The account %s was pushed, but its streams could not all be updated after it: %s\n\nUntil "+
			"they are, they refuse writes (error code 10120). The next apply tries again.", publicKey, connection.Explain(err)))
	}
}
