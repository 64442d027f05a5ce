package account

import (
	"context"
	"errors"
	"fmt"
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

// Values of the attribute pending: the servers lost the account, its streams may refuse writes, or a push was not
// answered.
const (
	pendingGone      = "the servers do not have the account"
	pendingStreams   = "its streams have to be updated to the new limits"
	pendingUncertain = "it is not known whether the servers have the account"
)

type (
	// existsError reports that an account with that public key already exists.
	existsError struct{ publicKey, name string }
	// changedError reports that the account was changed after the plan was made.
	changedError struct {
		publicKey string
		fields    []string
	}
	// goneError reports that the account was deleted after the plan was made.
	goneError struct{ publicKey string }
	// streamsError reports that the account still has streams.
	streamsError struct {
		publicKey string
		streams   []string
	}
	// tiersError reports that the change would make the account's streams read-only.
	tiersError streamsError
	// jetStreamError reports that the change would remove JetStream from an account that has streams.
	jetStreamError streamsError
)

func (e *existsError) Error() string {
	return secret.Sprintf("the servers already have an account %s, with the name %q and different claims",
		e.publicKey, e.name)
}

func (e *changedError) Error() string {
	return fmt.Sprintf("the account %s was changed after the plan was made: %s", e.publicKey, strings.Join(e.fields, ", "))
}

func (e *goneError) Error() string {
	return fmt.Sprintf("the account %s was deleted after the plan was made", e.publicKey)
}

// checkPublicKey is the next step if the servers do not have an account.
const checkPublicKey = "Check the public key, and that the provider is connected to the NATS system that the " +
	"account belongs to."

// namedStreams is the maximum number of streams that an error lists.
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

// addError adds an error for a failed action on the account.
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

// explain returns the attribute that an error concerns, if any, and the next step to take, unless [connection.Explain]
// already includes it.
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
		return path.Root("public_key"), fmt.Sprintf("To manage the existing account, import it: terraform import "+
			"ADDRESS %s, where ADDRESS is the address of this resource. A destroyed account can reappear like this "+
			"if a server was down during the destroy. In that case, import it and destroy it again.",
			exists.publicKey)
	case errors.As(err, &changed), errors.As(err, &gone), errors.As(err, &conflict):
		return path.Empty(), "The other change was not overwritten, unless stated above. Run plan again to see the " +
			"current state of the account."
	case errors.As(err, &streams):
		return path.Empty(), "Their data would remain on the servers' disks, inaccessible, and reappear with the " +
			"account. Destroy the resources that the streams belong to first. To delete the streams with the " +
			"account, set force_destroy = true, apply, and destroy again."
	case errors.As(err, &tiers):
		return path.Root("jetstream"), "Nothing was changed. After a change from tiers to limits for all streams, " +
			"nats-server refuses writes to existing streams until each server that holds them is restarted. Keep " +
			"the tiers: R1, R3 and so on can have the same limits."
	case errors.As(err, &jetStream):
		return path.Root("jetstream"), "Nothing was changed. Without JetStream, the streams stop answering " +
			"immediately, and replicated streams may not return when JetStream is enabled again. Restore jetstream " +
			"in the configuration, or destroy the resources that the streams belong to first."
	case errors.As(err, &incomplete):
		return path.Empty(), "A server that still has the account returns it to all other servers when it starts. " +
			"Start the server and destroy the account again. If the server no longer exists, remove it from the " +
			"cluster first (nats server cluster peer-remove)."
	case errors.As(err, &tooLarge):
		return path.Empty(), "Nothing was pushed. Shorten or remove the descriptions of exports and imports, move " +
			"exports to other accounts, or raise max_payload in the configuration of all servers."
	case errors.Is(err, resolver.ErrNotFound):
		return path.Root("public_key"), checkPublicKey
	case m.PublicKey.IsUnknown():
		return path.Empty(), ""
	}
	return path.Empty(), ""
}

// notePending records in pending which servers have not confirmed the account.
func (m *accountModel) notePending(missing []string, diags *diag.Diagnostics) {
	if len(missing) == 0 {
		return
	}
	servers := strings.Join(missing, ", ")
	m.Pending = types.StringValue("not confirmed by " + servers)
	diags.AddWarning("Account Is Not on All Servers",
		secret.Sprintf("The account %q was pushed, but not confirmed by %s. A server that was down gets the account "+
			"from the other servers when it returns. The next plan shows whether it has.",
			m.Name.ValueString(), servers))
}

// warnOfLoading warns about servers that may not have loaded the account yet.
func (m *accountModel) warnOfLoading(err error, diags *diag.Diagnostics) {
	if err == nil {
		return
	}
	diags.AddWarning("Servers May Not Have Loaded the Account",
		secret.Sprintf("The account %q was pushed, but the provider could not find out whether every server has "+
			"loaded it. A server that loads the account while its first stream is being created may lose that stream at "+
			"its next start. The provider checks this when it creates a bucket.\n\n%s",
			m.Name.ValueString(), connection.Explain(err)))
}

// warnOfImports warns about imports that have no effect.
func (m *accountModel) warnOfImports(ineffective []claims.Import, unknown error, diags *diag.Diagnostics) {
	if unknown != nil {
		diags.AddAttributeWarning(path.Root("imports"), "Imports Were Not Checked",
			secret.Sprintf("The account %q was pushed, but the provider could not find out whether the servers "+
				"accept its imports.\n\n%s", m.Name.ValueString(), connection.Explain(unknown)))
	}
	if len(ineffective) == 0 {
		return
	}
	var lines strings.Builder
	for _, i := range ineffective {
		lines.WriteString(secret.Sprintf("\n- the %s %q of the account %s", i.Type, i.Subject, i.Account))
	}
	diags.AddAttributeWarning(path.Root("imports"), "Imports Have No Effect",
		secret.Sprintf("The servers store the account %q but ignore these imports:\n%s\n\n"+
			"An import takes effect if the other account exports the subject with the same type and, for an export with "+
			"token_required, if the import has a valid token. Correct the import or the export. If the same apply "+
			"creates the other account, refer to its attributes in the import, so that Terraform creates it first.",
			m.Name.ValueString(), lines.String()))
}

// warnOfAdoption warns that Create adopted an existing account, which was signed at the given time.
func (m *accountModel) warnOfAdoption(signed time.Time, diags *diag.Diagnostics) {
	diags.AddAttributeWarning(path.Root("public_key"), "Account Already Existed",
		secret.Sprintf("The servers already had the account %s (%q) with the same claims, signed at %s. This "+
			"resource adopted it. This is expected after an interrupted apply and in a replacement that creates before "+
			"it destroys.\n\nOtherwise another resource, workspace or configuration owns the account: remove it from "+
			"this state with state rm.", m.PublicKey.ValueString(), m.Name.ValueString(),
			signed.UTC().Format(time.RFC3339)))
}

// noteUncertain records that the push of a new account was not answered.
func (m *accountModel) noteUncertain(err *resolver.UncertainError, diags *diag.Diagnostics) {
	m.JWT, m.Pending = types.StringValue(err.Token), types.StringValue(pendingUncertain)
	diags.AddWarning("Account May Not Be on the Servers",
		secret.Sprintf("Account %q: %s\n\nThe account is kept in the state so that its identity is not lost. The "+
			"next plan shows whether the servers have the account, and the next apply continues with it.",
			m.Name.ValueString(), connection.Explain(err)))
}

// touchStreams makes the streams of an account writable again after its limits became tiers.
func (r *accountResource) touchStreams(
	ctx context.Context, plan *accountModel, signer *claims.Signer, diags *diag.Diagnostics,
) {
	publicKey := plan.PublicKey.ValueString()
	accounts, err := r.data.Resolver()
	if err == nil {
		_, err = accounts.TouchStreams(ctx, publicKey, signer)
	}
	if err == nil { // TouchStreams signed the account again
		var stored *resolver.Stored
		if stored, err = accounts.Lookup(ctx, publicKey); err == nil {
			plan.JWT = types.StringValue(stored.Token)
		}
	}
	if err != nil {
		plan.Pending = types.StringValue(pendingStreams)
		diags.AddWarning("Streams May Refuse Writes",
			fmt.Sprintf("The account %s was pushed, but not all of its streams could be updated afterwards: %s\n\nA "+
				"stream that was not updated refuses writes (error code 10120). The next apply tries again.",
				publicKey, connection.Explain(err)))
	}
}
