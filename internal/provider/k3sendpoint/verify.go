package k3sendpoint

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-framework/types/basetypes"

	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/connection"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/tlsconfig"
)

type verificationModel struct {
	Servers              types.List   `tfsdk:"servers"`
	TLS                  types.Object `tfsdk:"tls"`
	CredentialsWO        types.String `tfsdk:"credentials_wo"`
	CredentialsWOVersion types.String `tfsdk:"credentials_wo_version"`
}

// verification returns the verification block, its zero value if there is none. Its write-only values are there only in
// a model of the configuration.
func (m *endpointModel) verification(ctx context.Context, diags *diag.Diagnostics) verificationModel {
	var v verificationModel
	if !m.Verification.IsNull() && !m.Verification.IsUnknown() {
		diags.Append(m.Verification.As(ctx, &v, basetypes.ObjectAsOptions{})...)
	}
	return v
}

// checkVerification checks what the verification block says.
func (m *endpointModel) checkVerification(diags *diag.Diagnostics) {
	v := m.verification(context.Background(), diags)
	at := path.Root("verification")
	tlsconfig.Validate(v.TLS, at.AtName("tls"), diags)
	if m.Verify.ValueString() == verifyNone && !m.Verification.IsNull() {
		diags.AddAttributeError(at, "Invalid Attribute Combination",
			`With verify = "none" nothing is verified. Leave verification out, or set verify = "contract".`)
	}
	if !v.CredentialsWO.IsNull() && (!m.User.IsNull() || !m.Token.IsNull()) {
		diags.AddAttributeError(at.AtName("credentials_wo"), "Invalid Attribute Combination",
			"k3s will connect with the user or token of this endpoint, so the verification does as well. Leave credentials_wo out.")
	}
}

// verify compares what is on the server with what KINE will ask for, as the user that k3s will be where that is possible.
func (r *endpointResource) verify(ctx context.Context, plan, config *endpointModel, diags *diag.Diagnostics) {
	endpoint, _ := plan.endpoint(diags)
	v := config.verification(ctx, diags)
	domain, _ := plan.Datastore.Attributes()["jetstream_domain"].(types.String)
	if diags.HasError() {
		return
	}

	if (endpoint.CredentialsFile != "" || endpoint.ContextFile != "") && v.CredentialsWO.IsNull() {
		client, err := r.data.Client()
		if err != nil {
			addVerifyError(diags, endpoint, false, err)
			return
		}
		diags.AddAttributeWarning(path.Root("verify"), "Verified With the Provider's Connection",
			"The credentials that k3s will use are in a file on its node, so the bucket was checked over the provider's own connection. "+
				"Whether k3s may connect and has the permissions it needs was not.\n\nGive the credentials as verification.credentials_wo to "+
				"check that too.")
		for _, err := range kine.VerifyContract(ctx, client, endpoint.Spec, domain.ValueString(), false) {
			addVerifyError(diags, endpoint, false, err)
		}
		return
	}

	settings := natsconn.Settings{
		Servers: endpoint.Servers,
		Auth: natsconn.Auth{Credentials: v.CredentialsWO.ValueString(), User: endpoint.User, Password: endpoint.Password,
			Token: endpoint.Token},
		TLS: natsconn.TLS{CAFile: endpoint.CAFile, CertFile: endpoint.CertFile, KeyFile: endpoint.KeyFile},
	}
	if !v.Servers.IsNull() {
		settings.Servers = nil
		diags.Append(v.Servers.ElementsAs(ctx, &settings.Servers, false)...)
	}
	if !v.TLS.IsNull() {
		settings.TLS = tlsconfig.Settings(v.TLS)
	}
	if len(settings.Servers) == 0 {
		diags.AddAttributeError(path.Root("verification"), "Unable to Verify "+what,
			"The servers are in the context file on the node. Give them as verification.servers, or set verify = \"none\".")
		return
	}
	client := natsconn.NewClient(settings, nil)
	defer client.Close()
	for _, err := range kine.VerifyContract(ctx, client, endpoint.Spec, domain.ValueString(), true) {
		addVerifyError(diags, endpoint, true, err)
	}
}

// addVerifyError tells what the verification found. own tells whether the connection was that of the endpoint.
func addVerifyError(diags *diag.Diagnostics, e kine.Endpoint, own bool, err error) {
	var (
		mismatch *kine.MismatchError
		missing  *kine.MissingPermissionError
		domain   *kine.DomainError
		reach    *natsconn.UnreachableError
		auth     *natsconn.AuthError
		at       = path.Root("verify")
		detail   = connection.Sentence(err.Error())
	)
	switch {
	case errors.As(err, &mismatch):
		at = path.Root("datastore")
		detail += "\n\nGive the datastore of the nats_kine_bucket that made the bucket, and apply that first if its plan shows a change."
	case errors.Is(err, kine.ErrMissing):
		at = path.Root("datastore").AtName("name")
		detail += "\n\nMake the bucket with nats_kine_bucket, or correct the name, the servers or the credentials: each account has buckets " +
			"of its own."
	case errors.Is(err, kine.ErrFenced):
		at = path.Root("datastore")
		detail += "\n\nPoint the endpoint at the bucket that took its place, or lift the fence with fenced = false."
	case errors.Is(err, kine.ErrMaxBytesRequired):
		detail += "\n\nTurn max_bytes_required off for the account; disk_storage and disk_max_stream_bytes bound it as well."
	case errors.As(err, &domain):
		at = path.Root("servers")
		detail += "\n\nGive servers that are in the bucket's domain."
	case errors.As(err, &missing):
		detail += "\n\nGrant these permissions to the user that k3s connects with."
	case errors.Is(err, os.ErrNotExist):
		at = path.Root("verification")
		detail += "\n\nThe files of tls are on the node. Give what this machine has as verification.tls, or set verify = \"none\"."
	case own && errors.As(err, &reach):
		at = path.Root("servers")
		detail += "\n\nIf this machine reaches the servers by other addresses than the node, or not at all, set verification.servers or " +
			"verify = \"none\". If they demand TLS, set tls.ca_file, and verification.tls for this machine."
	case own && errors.As(err, &auth):
		detail += "\n\nk3s would be refused as well: correct the user and password, the token, or the credentials."
	default:
		detail = connection.Explain(err)
	}
	diags.AddAttributeError(at, "Unable to Verify "+what, fmt.Sprintf("Bucket %q: %s", e.Spec.Name, detail))
}
