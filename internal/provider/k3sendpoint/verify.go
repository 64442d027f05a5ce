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
	if v.CredentialsWO.IsNull() && (!v.Servers.IsNull() || !v.TLS.IsNull()) && (!m.CredentialsFile.IsNull() || !m.ContextFile.IsNull()) {
		diags.AddAttributeError(at, "Invalid Attribute Combination",
			"Without the credentials that are in a file on the node, the verification goes over the provider's own connection, and the "+
				"servers and TLS settings of verification are not used. Give verification.credentials_wo too, or leave them out.")
	}
	if !v.CredentialsWO.IsNull() && m.CredentialsFile.IsNull() && m.ContextFile.IsNull() {
		diags.AddAttributeError(at.AtName("credentials_wo"), "Invalid Attribute Combination",
			"The verification connects as k3s will: with the user and password or the token of this endpoint, or without any. Leave "+
				"verification.credentials_wo out, or set credentials_file or context_file if that is what k3s will use.")
	}
	if !v.CredentialsWO.IsNull() && m.ContextFile.ValueString() != "" && v.Servers.IsNull() {
		diags.AddAttributeError(at, "Invalid Attribute Combination",
			"The servers are in the context file on the node. Give them as verification.servers too, or leave "+
				"verification.credentials_wo out.")
	}
}

// verify compares what is on the server with what KINE will ask for, as the user that k3s will be where that is possible.
func (r *endpointResource) verify(ctx context.Context, plan, config *endpointModel, diags *diag.Diagnostics) {
	endpoint, _ := plan.endpoint()
	v := config.verification(ctx, diags)
	domain, _ := plan.Datastore.Attributes()["jetstream_domain"].(types.String)
	if diags.HasError() {
		return
	}

	c := check{spec: endpoint.Spec}
	client, err := r.data.Client()
	if (endpoint.CredentialsFile != "" || endpoint.ContextFile != "") && v.CredentialsWO.IsNull() {
		if err != nil {
			c.addError(diags, err)
			return
		}
	} else {
		c.own = true
		settings := c.settings(ctx, endpoint, v, diags)
		if client != nil {
			settings.ConnectTimeout, settings.RequestTimeout = client.Timeouts()
		}
		client = natsconn.NewClient(settings, nil)
		defer client.Close()
	}
	for _, err := range kine.VerifyContract(ctx, client, endpoint.Spec, domain.ValueString(), c.own) {
		c.addError(diags, err)
	}
	if !c.own && !diags.HasError() {
		diags.AddAttributeWarning(path.Root("verify"), "Verified With the Provider's Connection",
			"The credentials that k3s will use are in a file on its node, so the bucket was checked over the provider's own connection. "+
				"Whether k3s may connect and has the permissions it needs was not.\n\nGive the credentials as verification.credentials_wo to "+
				"check that too.")
	}
}

// check is one verification. Errors are shown at attributes of the first level: a CLI shows the line of such a one, and only
// the resource for what is nested in it.
type check struct {
	spec kine.Spec
	// own tells whether the connection is that of the endpoint, and not the provider's.
	own bool
	// servers and tls are the attributes that the own connection's servers and TLS settings come from.
	servers, tls path.Path
	// local tells whether the TLS settings are meant for this machine, and not for the node.
	local bool
}

// settings returns how k3s would connect, but for what differs on this machine.
func (c *check) settings(ctx context.Context, e kine.Endpoint, v verificationModel, diags *diag.Diagnostics) natsconn.Settings {
	s := natsconn.Settings{
		Servers: e.Servers,
		Auth:    natsconn.Auth{Credentials: v.CredentialsWO.ValueString(), User: e.User, Password: e.Password, Token: e.Token},
		TLS:     natsconn.TLS{CAFile: e.CAFile, CertFile: e.CertFile, KeyFile: e.KeyFile},
	}
	c.servers = path.Root("servers")
	if !v.Servers.IsNull() {
		c.servers = path.Root("verification")
		s.Servers = nil
		diags.Append(v.Servers.ElementsAs(ctx, &s.Servers, false)...)
	}
	switch {
	case !v.TLS.IsNull():
		c.tls, c.local = path.Root("verification"), true
		s.TLS = tlsconfig.Settings(v.TLS)
	case !s.TLS.IsZero():
		c.tls = path.Root("tls")
	default:
		c.tls = c.servers
	}
	return s
}

// addError tells what the verification found.
func (c *check) addError(diags *diag.Diagnostics, err error) {
	at, step := c.explain(err)
	detail := connection.Sentence(err.Error()) + "\n\n" + step
	if step == "" {
		detail = connection.Explain(err)
	}
	diags.AddAttributeError(at, "Unable to Verify "+what, fmt.Sprintf("Bucket %q: %s", c.spec.Name, detail))
}

// explain returns the attribute that a finding is about, and the step to take, empty if that is no matter of the endpoint.
func (c *check) explain(err error) (at path.Path, step string) {
	var (
		mismatch *kine.MismatchError
		missing  *kine.MissingPermissionError
		domain   *kine.DomainError
	)
	switch {
	case errors.As(err, &mismatch):
		return path.Root("datastore"), "Give the datastore of the nats_kine_bucket that made the bucket, and apply that first if its plan " +
			"shows a change."
	case errors.Is(err, kine.ErrMissing):
		return path.Root("datastore"), "Make the bucket with nats_kine_bucket, or correct the name, the servers or the credentials: each " +
			"account has buckets of its own."
	case errors.Is(err, kine.ErrFenced):
		return path.Root("datastore"), "Point the endpoint at the bucket that took its place, or lift the fence with fenced = false."
	case errors.Is(err, kine.ErrMaxBytesRequired):
		return path.Root("verify"), "Turn max_bytes_required off for the account; disk_storage and disk_max_stream_bytes bound it as well."
	case errors.As(err, &domain):
		return path.Root("servers"), "Give servers that are in the bucket's domain."
	case errors.As(err, &missing):
		return path.Root("verify"), "Grant these permissions to the user that k3s connects with."
	case c.own:
		return c.explainConnection(err)
	}
	return path.Root("verify"), ""
}

// explainConnection is explain for a failure of the endpoint's own connection.
func (c *check) explainConnection(err error) (at path.Path, step string) {
	var (
		reach  *natsconn.UnreachableError
		secure *natsconn.TLSError
		auth   *natsconn.AuthError
	)
	switch {
	case errors.Is(err, os.ErrNotExist) && c.local:
		return c.tls, "The files of verification.tls are those of the machine that runs Terraform."
	case errors.Is(err, os.ErrNotExist):
		return c.tls, "The files of tls are those of the node. Give what this machine has as verification.tls, or set verify = \"none\"."
	case errors.As(err, &reach):
		return c.servers, "If this machine reaches the servers by other addresses than the node, or not at all, set verification.servers " +
			"or verify = \"none\"."
	case errors.As(err, &secure) && c.local:
		return c.tls, "Correct verification.tls: ca_file or ca_pem is the servers' certificate authority; a client certificate and its key " +
			"if they ask for one, server_name if their certificate is for another name, handshake_first if they have that set."
	case errors.As(err, &secure):
		return c.tls, "Set tls.ca_file to the certificate authority of the servers, and tls.cert_file and tls.key_file if they ask for a " +
			"client certificate. If this machine has those files elsewhere, set verification.tls too."
	case errors.As(err, &auth):
		return path.Root("verify"), "k3s would be refused as well: correct the user and password, the token, or the credentials."
	}
	return path.Root("verify"), ""
}
