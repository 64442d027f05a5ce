// Package account implements the resource nats_account and its data sources. An account is an isolated part of a NATS
// system in operator mode.
package account

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/attribute"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/connection"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/planmodifiers"
	"github.com/nats-k3s/terraform-provider-nats/internal/resolver"
	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

// Default timeouts. A push takes milliseconds, plus up to a second if the account was already signed within the same
// second. Waiting for servers that are down takes a few seconds.
const (
	createTimeout = 2 * time.Minute
	readTimeout   = time.Minute
	updateTimeout = 5 * time.Minute
	deleteTimeout = 5 * time.Minute
)

var (
	_ resource.ResourceWithConfigure      = (*accountResource)(nil)
	_ resource.ResourceWithIdentity       = (*accountResource)(nil)
	_ resource.ResourceWithImportState    = (*accountResource)(nil)
	_ resource.ResourceWithModifyPlan     = (*accountResource)(nil)
	_ resource.ResourceWithValidateConfig = (*accountResource)(nil)
)

type accountResource struct {
	data *connection.Data
}

// NewResource returns the resource nats_account.
func NewResource() resource.Resource { return &accountResource{} }

func (r *accountResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_account"
}

func (r *accountResource) Configure(
	_ context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse,
) {
	r.data = connection.FromProvider(req.ProviderData, &resp.Diagnostics)
}

func (r *accountResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan accountModel
	resp.Diagnostics.Append(attribute.Get(ctx, req.Plan, &plan)...)
	timeout, diags := plan.Timeouts.Create(ctx, createTimeout)
	resp.Diagnostics.Append(diags...)
	if plan.ProviderSigningKeys.IsUnknown() {
		r.settleProviderKeys(&plan, plan.PublicKey.IsUnknown(), &resp.Diagnostics)
	}
	account := plan.known(&resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := natsconn.Changing(ctx, timeout)
	defer cancel()

	if account.PublicKey == "" {
		publicKey, _, err := claims.NewKey(natsconn.AccountKey) // the seed is discarded
		if err != nil {
			addError(&resp.Diagnostics, "Create", &plan, err)
			return
		}
		account.PublicKey = publicKey
		plan.PublicKey = types.StringValue(publicKey)
	}
	err := r.apply(ctx, &plan, account, nil, &resp.Diagnostics)
	if uncertain, ok := errors.AsType[*resolver.UncertainError](err); ok {
		// Servers may have the account, and a generated identity exists only in the state.
		err = nil
		plan.noteUncertain(uncertain, &resp.Diagnostics)
	}
	if err != nil {
		addError(&resp.Diagnostics, "Create", &plan, err)
		return
	}
	r.data.NoteAccount(account)
	tflog.Info(ctx, "created account", map[string]any{"account": account.PublicKey, "name": account.Name})
	resp.Diagnostics.Append(plan.store(ctx, &resp.State, resp.Identity, resp.Private)...)
}

// apply signs the account, and pushes it if push is true. Before is the prior state, or nil for a new account.
func (r *accountResource) apply(
	ctx context.Context, plan *accountModel, account claims.Account, before *accountModel, diags *diag.Diagnostics,
) error {
	signer, err := r.data.OperatorSigner()
	if err != nil {
		return err
	}
	defer signer.Close()
	plan.Pending = types.StringNull()
	plan.Issuer = types.StringValue(signer.PublicKey())
	if !plan.Push.ValueBool() {
		return plan.signOnly(ctx, account, signer, before)
	}
	accounts, err := r.data.Resolver()
	if err != nil {
		return err
	}
	was, err := stored(ctx, accounts, before)
	if err != nil {
		return err
	}
	if err := keepStreams(ctx, accounts, account, was); err != nil {
		return err
	}
	found := false
	result, err := accounts.Change(ctx, account.PublicKey, signer, func(stored *resolver.Stored) (*claims.Account, error) {
		found = stored != nil
		return merge(account, stored, before, signer.PublicKey())
	})
	if err != nil {
		return err
	}
	if before == nil && found {
		r.data.TakeOver(account.PublicKey)
		plan.warnOfAdoption(result.Signature.IssuedAt, diags)
	}
	plan.JWT, plan.Issuer = types.StringValue(result.Token), types.StringValue(result.Signature.Issuer)
	plan.notePending(result.Missing, diags)
	plan.warnOfLoading(result.NotLoaded, diags)
	plan.warnOfImports(result.Ineffective, result.EffectUnknown, diags)
	if plan.takesName(before) {
		plan.warnOfNamesakes(r.data.Namesakes(ctx, account.Name, account.PublicKey, false), diags)
	}
	if takesTiers(account, was) || before != nil && before.Pending.ValueString() == pendingStreams {
		r.touchStreams(ctx, plan, signer, diags)
	}
	return nil
}

// stored returns the claims on the servers: those of before if it was pushed, otherwise those that a lookup returns. It
// returns empty claims if the servers do not have the account.
func stored(ctx context.Context, accounts *resolver.Resolver, before *accountModel) (claims.Account, error) {
	switch {
	case before == nil:
		return claims.Account{}, nil
	case before.Push.ValueBool():
		account, _ := before.account()
		return account, nil
	}
	found, err := accounts.Lookup(ctx, before.PublicKey.ValueString())
	switch {
	case errors.Is(err, resolver.ErrNotFound):
		return claims.Account{}, nil
	case err != nil:
		return claims.Account{}, err
	}
	return *found.Account, nil
}

// keepStreams refuses changes that would remove streams or make them read-only.
func keepStreams(ctx context.Context, accounts *resolver.Resolver, account, before claims.Account) error {
	off, tiers := losesJetStream(account, before), leavesTiers(account, before)
	if !off && !tiers {
		return nil
	}
	streams, err := accounts.Streams(ctx, account.PublicKey)
	switch {
	case err != nil || len(streams) == 0:
		return err
	case off:
		return &jetStreamError{account.PublicKey, streams}
	}
	return &tiersError{account.PublicKey, streams}
}

// signOnly signs the account without pushing it.
func (m *accountModel) signOnly(
	ctx context.Context, account claims.Account, signer *claims.Signer, before *accountModel,
) error {
	var after time.Time
	if before != nil {
		if _, signature, err := claims.DecodeAccount(before.JWT.ValueString()); err == nil {
			after = signature.IssuedAt
		}
	}
	token, err := account.Sign(ctx, signer, claims.SystemClock{}, after)
	m.JWT = types.StringValue(token)
	return err
}

// merge returns the claims to push over the stored ones, or nil if the stored claims are already equal.
func merge(
	account claims.Account, stored *resolver.Stored, before *accountModel, issuer string,
) (*claims.Account, error) {
	pushed := before != nil && before.Push.ValueBool() // otherwise the stored claims are unknown to the state
	if stored == nil {
		if pushed && before.Pending.IsNull() {
			return nil, &goneError{account.PublicKey}
		}
		return &account, nil
	}
	var last claims.Account
	if before != nil {
		last, _ = before.account()
	}
	owned := last.Revocations
	if pushed {
		last.Revocations = claims.MergeRevocations(owned, stored.Account.Revocations, owned)
		if fields := last.Diff(stored.Account); len(fields) > 0 && stored.Token != before.JWT.ValueString() {
			return nil, &changedError{account.PublicKey, fields}
		}
	}
	account.Revocations = claims.MergeRevocations(account.Revocations, stored.Account.Revocations, owned)
	same := len(account.Diff(stored.Account)) == 0 && stored.Behind == 0
	switch {
	case before == nil && !same:
		return nil, &existsError{account.PublicKey, stored.Account.Name}
	case same && stored.Signature.Issuer == issuer:
		return nil, nil
	}
	return &account, nil
}

func (r *accountResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state accountModel
	resp.Diagnostics.Append(attribute.Get(ctx, req.State, &state)...)
	timeout, diags := state.Timeouts.Read(ctx, readTimeout)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := natsconn.Reading(ctx, timeout)
	defer cancel()

	// Terraform before 1.12 stores no identity.
	resp.Diagnostics.Append(attribute.Set(ctx, resp.Identity, state.identity())...)
	imported := state.JWT.IsNull()
	if !imported && !state.Push.ValueBool() {
		return // the account exists only in the state
	}
	stored, err := r.lookUp(ctx, state.PublicKey.ValueString())
	switch {
	case errors.Is(err, resolver.ErrNotFound) && !imported:
		resp.Diagnostics.AddWarning("Account No Longer Exists",
			secret.Sprintf("The servers no longer have the account %s (%q).\n\nAn apply pushes it again with the "+
				"same identity: its users can connect again, and streams that are still on the servers' disks return.",
				state.PublicKey.ValueString(), state.Name.ValueString()))
		state.Pending = types.StringValue(pendingGone)
		r.data.LoseKeys(state.PublicKey.ValueString(), r.lostProviderKeys(&state, claims.Account{}))
		resp.Diagnostics.Append(state.store(ctx, &resp.State, resp.Identity, resp.Private)...)
		return
	case err != nil && !imported && r.data.KeepPrior("the account", state.Name.ValueString(), err, &resp.Diagnostics):
		return
	case err != nil && !imported:
		addError(&resp.Diagnostics, "Read", &state, connection.Tolerable(err))
		return
	case err != nil:
		addError(&resp.Diagnostics, "Read", &state, err)
		return
	}

	account := *stored.Account
	if !imported {
		account.Revocations = ownedRevocations(&state, account.Revocations)
		r.data.LoseKeys(account.PublicKey, r.lostProviderKeys(&state, account))
	}
	resp.Diagnostics.Append(state.setAccount(ctx, account, r.currentProviderKeys())...)
	state.JWT, state.Issuer = types.StringValue(stored.Token), types.StringValue(stored.Signature.Issuer)
	switch {
	case stored.Behind > 0:
		state.Pending = types.StringValue(fmt.Sprintf("older claims on %d of the servers", stored.Behind))
	case state.Pending.ValueString() != pendingStreams: // only an apply clears pendingStreams
		state.Pending = types.StringNull()
	}
	if imported {
		state.setDefaults()
		resp.Diagnostics.Append(rememberImport(ctx, resp.Private, true)...)
	}
	resp.Diagnostics.Append(state.store(ctx, &resp.State, resp.Identity, resp.Private)...)
}

func (r *accountResource) lookUp(ctx context.Context, publicKey string) (*resolver.Stored, error) {
	accounts, err := r.data.Resolver()
	if err != nil {
		return nil, err
	}
	return accounts.Lookup(ctx, publicKey)
}

func (r *accountResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var plan, state accountModel
	resp.Diagnostics.Append(attribute.Get(ctx, req.Plan, &plan)...)
	resp.Diagnostics.Append(attribute.Get(ctx, req.State, &state)...)
	timeout, diags := plan.Timeouts.Update(ctx, updateTimeout)
	resp.Diagnostics.Append(diags...)
	if plan.ProviderSigningKeys.IsUnknown() {
		r.settleProviderKeys(&plan, plan.PublicKey.IsUnknown(), &resp.Diagnostics)
	}
	account := plan.known(&resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := natsconn.Changing(ctx, timeout)
	defer cancel()

	if plan.JWT.IsUnknown() {
		if imported(ctx, req.Private, &resp.Diagnostics) {
			state.Revocations = plan.Revocations // all other revocations belong to others
		}
		if err := r.apply(ctx, &plan, account, &state, &resp.Diagnostics); err != nil {
			addError(&resp.Diagnostics, "Update", &plan, err)
			return
		}
	}
	resp.Diagnostics.Append(rememberImport(ctx, resp.Private, false)...)
	resp.Diagnostics.Append(plan.store(ctx, &resp.State, resp.Identity, resp.Private)...)
}

func (r *accountResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var state accountModel
	resp.Diagnostics.Append(attribute.Get(ctx, req.State, &state)...)
	timeout, diags := state.Timeouts.Delete(ctx, deleteTimeout)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	if state.DeletionProtection.ValueBool() {
		planmodifiers.RefuseProtectedDelete(what, noun, state.Name.ValueString(), &resp.Diagnostics)
		return
	}
	if !state.Push.ValueBool() {
		return // this resource did not push it
	}
	if r.data != nil && r.data.TakenOver(state.PublicKey.ValueString()) {
		resp.Diagnostics.AddWarning("Account Was Not Deleted",
			secret.Sprintf("The account %s (%q) was not deleted, because another resource adopted it in this apply. "+
				"This is expected in a replacement that creates before it destroys.",
				state.PublicKey.ValueString(), state.Name.ValueString()))
		return
	}
	ctx, cancel := natsconn.Changing(ctx, timeout)
	defer cancel()
	if err := r.delete(ctx, &state); err != nil {
		addError(&resp.Diagnostics, "Delete", &state, err)
	}
}

func (r *accountResource) delete(ctx context.Context, state *accountModel) error {
	signer, err := r.data.OperatorSigner()
	if err != nil {
		return err
	}
	defer signer.Close()
	accounts, err := r.data.Resolver()
	if err != nil {
		return err
	}
	publicKey := state.PublicKey.ValueString()
	streams, err := accounts.Streams(ctx, publicKey)
	switch {
	case err != nil:
		return err
	case len(streams) > 0 && !state.ForceDestroy.ValueBool():
		return &streamsError{publicKey, streams}
	case len(streams) > 0:
		if _, err := accounts.DeleteStreams(ctx, publicKey, signer); err != nil {
			return err
		}
	}
	_, err = accounts.Delete(ctx, publicKey, signer)
	return err
}

func (r *accountResource) ImportState(
	ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse,
) {
	identity := identityModel{PublicKey: types.StringValue(req.ID)}
	if req.ID == "" {
		resp.Diagnostics.Append(req.Identity.Get(ctx, &identity)...)
		if resp.Diagnostics.HasError() {
			return
		}
	}
	if err := natsconn.CheckPublicKey(identity.PublicKey.ValueString(), natsconn.AccountKey); err != nil {
		resp.Diagnostics.AddError("Invalid Import ID",
			fmt.Sprintf("The import ID of an account is its public key: %v.", err))
		return
	}
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("public_key"), identity.PublicKey)...)
	resp.Diagnostics.Append(attribute.Set(ctx, resp.Identity, identity)...)
}

// store writes the model to the state.
func (m *accountModel) store(
	ctx context.Context, state *tfsdk.State, identity *tfsdk.ResourceIdentity, private planmodifiers.PrivateState,
) diag.Diagnostics {
	diags := attribute.Set(ctx, state, m)
	diags.Append(attribute.Set(ctx, identity, m.identity())...)
	diags.Append(planmodifiers.RememberProtection(ctx, private, m.DeletionProtection.ValueBool())...)
	return diags
}

func (m *accountModel) identity() identityModel { return identityModel{PublicKey: m.PublicKey} }

// setDefaults sets the attributes that an import cannot read from a server.
func (m *accountModel) setDefaults() {
	m.Push, m.DeletionProtection, m.ForceDestroy = types.BoolValue(true), types.BoolValue(true), types.BoolValue(false)
}
