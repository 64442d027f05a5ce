package user

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/attribute"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/connection"
	"github.com/nats-k3s/terraform-provider-nats/internal/resolver"
	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

// revokeAttr is the attribute that has a destroy revoke the user. What counts is its value in the state.
const revokeAttr = "revoke_on_destroy"

// deleteTimeout bounds a revocation unless the resource's timeouts say otherwise: up to ten at a time wait for each other, and each
// takes a second.
const deleteTimeout = 2 * time.Minute

// checkRevocation refuses to plan what cannot be revoked for want of the operator, where that can be told already. It asks no
// server.
func (r *userResource) checkRevocation(diags *diag.Diagnostics) {
	if r.data == nil || !r.data.Known() {
		return
	}
	signer, err := r.data.OperatorSigner()
	if err == nil {
		signer.Close()
		_, err = r.data.Resolver()
	}
	if err != nil {
		addRevocationError(diags, err)
	}
}

func addRevocationError(diags *diag.Diagnostics, err error) {
	diags.AddAttributeError(path.Root(revokeAttr), "User Cannot Be Revoked", fmt.Sprintf("A destroy is to revoke the user in its account, and only the "+
		"operator can change that: operator.signing_key signs it, and operator.system_credentials hands it to the servers. %s\n\nOr set %s = false, "+
		"which lets a destroy forget the user without revoking it. For a user that is there already, apply that before the destroy.",
		connection.Explain(err), revokeAttr))
}

// Delete revokes the user, or else only forgets it.
func (r *userResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var state userModel
	resp.Diagnostics.Append(attribute.Get(ctx, req.State, &state)...)
	timeout, diags := state.Timeouts.Delete(ctx, deleteTimeout)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() || !state.RevokeOnDestroy.ValueBool() {
		return
	}
	ctx, cancel := natsconn.Changing(ctx, timeout)
	defer cancel()
	if err := r.revoke(ctx, &state, &resp.Diagnostics); err != nil {
		addError(&resp.Diagnostics, "Revoke", state.Name, err)
	}
}

// revoke revokes all that was signed for the user's key.
func (r *userResource) revoke(ctx context.Context, state *userModel, diags *diag.Diagnostics) error {
	signer, err := r.data.OperatorSigner()
	if err != nil {
		addRevocationError(diags, err)
		return nil
	}
	defer signer.Close()
	accounts, err := r.data.Resolver()
	if err != nil {
		addRevocationError(diags, err)
		return nil
	}
	at, err := state.revokedAt(time.Now())
	if err != nil {
		return err
	}
	result, err := accounts.Revoke(ctx, state.Account.ValueString(), signer, state.PublicKey.ValueString(), at)
	switch {
	case errors.Is(err, resolver.ErrNotFound):
		tflog.Info(ctx, "the account of the user is gone", state.logged())
		return nil
	case err != nil:
		return err
	case len(result.Missing) > 0:
		diags.AddWarning("User Is Not Revoked on All Servers", secret.Sprintf("The revocation of the user %q was not confirmed by %s. A server that was down "+
			"takes it over from the others when it comes back.", state.Name.ValueString(), strings.Join(result.Missing, ", ")))
	}
	return nil
}

// revokedAt is up to when what was signed for the user's key is to be refused. A key that was brought may have another user already,
// made before this one is destroyed: that one was signed later than this one, and stays.
func (m *userModel) revokedAt(now time.Time) (time.Time, error) {
	_, last, err := claims.DecodeUser(m.JWT.ValueString())
	if err != nil {
		return time.Time{}, fmt.Errorf("the JWT in the state cannot be read: %w", err)
	}
	if m.Credentials.IsNull() || now.Before(last.IssuedAt) {
		return last.IssuedAt, nil
	}
	return now, nil
}
