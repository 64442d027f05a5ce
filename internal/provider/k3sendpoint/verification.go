package k3sendpoint

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/kine/preflight"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/attribute"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/connection"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/tlsconfig"
)

// Names of the credentials in the verification block. They are write-only in the resource, and not in the ephemeral
// resource, which is never stored.
const (
	credentials   = "credentials"
	credentialsWO = credentials + "_wo"
)

// verification is the verification block.
type verification struct {
	servers types.List
	tls     types.Object
	// credentials is the content of a credentials file, and name the attribute that contains it.
	credentials types.String
	name        string
}

// verification returns the verification block, with nulls if it is not set. Only a model of the configuration contains
// the write-only values.
func (m *endpointModel) verification() verification {
	ctx := context.Background()
	v := verification{name: credentialsWO}
	if _, ephemeral := m.Verification.AttributeTypes(ctx)[credentials]; ephemeral {
		var block struct {
			Servers     types.List   `tfsdk:"servers"`
			TLS         types.Object `tfsdk:"tls"`
			Credentials types.String `tfsdk:"credentials"`
		}
		attribute.Decode(ctx, m.Verification, &block)
		v.name, v.servers, v.tls, v.credentials = credentials, block.Servers, block.TLS, block.Credentials
		return v
	}
	var block struct {
		Servers              types.List   `tfsdk:"servers"`
		TLS                  types.Object `tfsdk:"tls"`
		CredentialsWO        types.String `tfsdk:"credentials_wo"`
		CredentialsWOVersion types.String `tfsdk:"credentials_wo_version"`
	}
	attribute.Decode(ctx, m.Verification, &block)
	v.servers, v.tls, v.credentials = block.Servers, block.TLS, block.CredentialsWO
	return v
}

// mode returns the value of verify, or "" if it is unknown.
func (m *endpointModel) mode() string {
	switch {
	case m.Verify.IsUnknown():
		return ""
	case m.Verify.IsNull(): // in a configuration, where the default is not set yet
		return verifyContract
	}
	return m.Verify.ValueString()
}

// checkVerification checks the configuration of the verification, including the token.
func (m *endpointModel) checkVerification(token types.String, tokenPath path.Path, diags *diag.Diagnostics) {
	v := m.verification()
	at := path.Root("verification")
	add := func(at path.Path, text string) { diags.AddAttributeError(at, "Invalid Attribute Combination", text) }

	tlsconfig.Validate(v.tls, at.AtName("tls"), diags)
	if m.mode() == verifyNone && !m.Verification.IsNull() {
		add(at, `With verify = "none" nothing is verified. Remove verification, or set verify = "contract".`)
	}
	if m.mode() == verifyNone && !token.IsNull() {
		add(tokenPath, `With verify = "none" the token is not compared with the bucket. Remove the token, or set `+
			`verify = "contract".`)
	}
	m.checkAccount(diags)
	inFile := !m.CredentialsFile.IsNull() || !m.ContextFile.IsNull()
	etcd := m.mode() == verifyETCD
	given := "verification." + v.name
	switch {
	case m.Verification.IsUnknown():
	case v.credentials.IsNull() && inFile && etcd:
		add(path.Root("verify"),
			`With verify = "etcd", KINE runs as the user of k3s, whose credentials are in a file on the `+
				`node. Set `+given+` to the content of that file, or set verify = "contract".`)
	case v.credentials.IsNull() && (!v.servers.IsNull() || !v.tls.IsNull()) && inFile:
		add(at, "Without the credentials from the file on the node, the verification uses the provider's own "+
			"connection, and not the servers and TLS settings of verification. Also set "+given+
			", or remove the servers and TLS settings.")
	case !v.credentials.IsNull() && !inFile:
		add(at.AtName(v.name), "The verification connects in the same way as k3s: with the user and password or the "+
			"token of this endpoint, or without credentials. Remove "+given+", or set credentials_file or "+
			"context_file if k3s uses such a file.")
	case !v.credentials.IsNull() && m.ContextFile.ValueString() != "" && v.servers.IsNull():
		add(at, "The servers are in the context file on the node. Also set verification.servers to these servers, or "+
			"remove "+given+".")
	case etcd:
		if err := m.target().Check(); err != nil {
			add(at, connection.Sentence(err.Error())+` Set verify = "contract", which connects without KINE.`)
		}
	}
}

// checkAccount refuses the credentials of a user in an account other than the account of the bucket, if both are known.
func (m *endpointModel) checkAccount(diags *diag.Diagnostics) {
	v := m.verification()
	bucket := m.account()
	if bucket == "" || v.credentials.ValueString() == "" {
		return
	}
	// A validator refuses invalid credentials.
	user, err := claims.CredentialsAccount(v.credentials.ValueString())
	if err != nil || user == bucket {
		return
	}
	diags.AddAttributeError(path.Root("verification").AtName(v.name), "Credentials of Another Account", fmt.Sprintf(
		"The credentials in verification.%s belong to a user in the account %s, but datastore is a bucket in the "+
			"account %s: KINE would create an empty bucket in the wrong account.\n\nSet the credentials of a user in "+
			"the account of the bucket, or set datastore to a bucket in the account of the user.",
		v.name, user, bucket))
}

// account returns the public key of the account of the bucket, or "" if it is not set.
func (m *endpointModel) account() string { return m.datastore().Account.ValueString() }

// domain returns the JetStream domain of the bucket, or "" if it is not set.
func (m *endpointModel) domain() string { return m.datastore().JetStreamDomain.ValueString() }

// connects returns the connection settings of k3s, with the settings of verification for this machine. Unknown values
// are treated as unset.
func (m *endpointModel) connects() natsconn.Settings {
	e, _ := m.endpoint()
	v := m.verification()
	s := natsconn.Settings{
		Servers: e.Servers,
		Auth:    natsconn.Auth{Credentials: v.credentials.ValueString(), User: e.User, Password: e.Password, Token: e.Token},
		TLS:     natsconn.TLS{CAFile: e.CAFile, CertFile: e.CertFile, KeyFile: e.KeyFile},
	}
	if !v.servers.IsNull() {
		s.Servers = nil
		for _, server := range v.servers.Elements() {
			if text, ok := server.(types.String); ok && !text.IsUnknown() {
				s.Servers = append(s.Servers, text.ValueString())
			}
		}
	}
	if !v.tls.IsNull() {
		s.TLS = tlsconfig.Settings(v.tls)
	}
	return s
}

// target returns the target on which KINE is started.
func (m *endpointModel) target() preflight.Target {
	s := m.connects()
	e, _ := m.endpoint()
	return preflight.Target{
		Endpoint: kine.Endpoint{Servers: s.Servers, Spec: e.Spec, User: e.User, Password: e.Password, Token: e.Token,
			SlowMethod: e.SlowMethod},
		// If k3s uses a context file, KINE uses one here.
		InContext: !m.ContextFile.IsNull(), Credentials: s.Auth.Credentials, TLS: s.TLS,
	}
}

// warnOfK3s warns of known problems with the KINE that k3s_version bundles.
func (m *endpointModel) warnOfK3s(diags *diag.Diagnostics) {
	if m.K3sVersion.IsNull() || m.K3sVersion.IsUnknown() {
		return
	}
	at, version := path.Root("k3s_version"), m.K3sVersion.ValueString()
	switch k3s := kine.LookUpK3s(version); {
	case k3s.Generation == kine.GenerationUnknown:
		diags.AddAttributeWarning(at, "Unknown K3s Version", "This version of the provider does not know which KINE "+
			"k3s "+version+" bundles. It assumes a KINE that accepts only the bucket that nats_kine_bucket creates, as "+
			"every version since 0.14.10 does.")
	case k3s.SlowReplay:
		diags.AddAttributeWarning(at, "K3s Starts Slowly on Large Buckets", "k3s "+version+" bundles a KINE older "+
			"than 0.16.4, which reads a large bucket slowly when it starts, so that k3s may stop waiting for its "+
			"datastore.\n\nUse a k3s with KINE 0.16.4 or newer, such as 1.37.0.")
	}
}
