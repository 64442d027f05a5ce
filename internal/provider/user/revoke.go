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

// revokeAttr is the attribute that makes a destroy revoke the user. The value in the state applies.
const revokeAttr = "revoke_on_destroy"

// deleteTimeout is the default timeout of a revocation. Up to ten revocations run one after the other, and each takes a
// second.
const deleteTimeout = 2 * time.Minute

// checkRevocation adds an error if the provider is not configured to revoke users. It makes no request.
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
	diags.AddAttributeError(path.Root(revokeAttr), "User Cannot Be Revoked",
		fmt.Sprintf("A destroy revokes the user in its account. This requires operator.signing_key to sign the "+
			"account and operator.system_credentials to push it. %s\n\nAlternatively, set %s = false: a destroy then "+
			"forgets the user without revoking it. If the user already exists, apply this before the destroy.",
			connection.Explain(err), revokeAttr))
}

// Delete revokes the user if revoke_on_destroy is set.
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

// revoke revokes all JWTs that were signed for the user's key.
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
		tflog.Info(ctx, "the account of the user no longer exists", state.logged())
		return nil
	case err != nil:
		return err
	case len(result.Missing) > 0:
		diags.AddWarning("User Is Not Revoked on All Servers",
			secret.Sprintf("The revocation of the user %q was not confirmed by %s. A server that was down gets it "+
				"from the other servers when it returns.", state.Name.ValueString(), strings.Join(result.Missing, ", ")))
	}
	return nil
}

// revokedAt returns the time of the revocation: servers refuse JWTs of the user's key that were issued until then. With
// a public key of the user's own, a replacement may already have signed a later JWT for the same key, which must stay
// valid. The time is then that of the last JWT in the state.
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
