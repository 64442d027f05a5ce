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

// The credentials in the verification block: write-only in the resource, plain in the ephemeral one, which is never stored.
const (
	credentials   = "credentials"
	credentialsWO = credentials + "_wo"
)

// verification is the verification block.
type verification struct {
	servers types.List
	tls     types.Object
	// credentials is the content of a credentials file, and name the attribute it is given in.
	credentials types.String
	name        string
}

// verification returns the verification block, with nulls if there is none. Its write-only values are there only in a model of
// the configuration.
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

// mode returns what is verified, "" while that is unknown.
func (m *endpointModel) mode() string {
	switch {
	case m.Verify.IsUnknown():
		return ""
	case m.Verify.IsNull(): // in a configuration, where the default is not set yet
		return verifyContract
	}
	return m.Verify.ValueString()
}

// checkVerification checks what the configuration says about the verification, token included.
func (m *endpointModel) checkVerification(token types.String, tokenPath path.Path, diags *diag.Diagnostics) {
	v := m.verification()
	at := path.Root("verification")
	add := func(at path.Path, text string) { diags.AddAttributeError(at, "Invalid Attribute Combination", text) }

	tlsconfig.Validate(v.tls, at.AtName("tls"), diags)
	if m.mode() == verifyNone && !m.Verification.IsNull() {
		add(at, `With verify = "none" nothing is verified. Leave verification out, or set verify = "contract".`)
	}
	if m.mode() == verifyNone && !token.IsNull() {
		add(tokenPath, `With verify = "none" the token is not compared with the bucket. Leave it out, or set verify = "contract".`)
	}
	m.checkAccount(diags)
	inFile := !m.CredentialsFile.IsNull() || !m.ContextFile.IsNull()
	etcd := m.mode() == verifyETCD
	given := "verification." + v.name
	switch {
	case m.Verification.IsUnknown():
	case v.credentials.IsNull() && inFile && etcd:
		add(path.Root("verify"), `With verify = "etcd", KINE is run as the user that k3s will be, whose credentials are in a file on the node. Give their `+
			"content as "+given+`, or set verify = "contract".`)
	case v.credentials.IsNull() && (!v.servers.IsNull() || !v.tls.IsNull()) && inFile:
		add(at, "Without the credentials that are in a file on the node, the verification goes over the provider's own connection, and the "+
			"servers and TLS settings of verification are not used. Give "+given+" too, or leave them out.")
	case !v.credentials.IsNull() && !inFile:
		add(at.AtName(v.name), "The verification connects as k3s will: with the user and password or the token of this endpoint, or without any. Leave "+
			given+" out, or set credentials_file or context_file if that is what k3s will use.")
	case !v.credentials.IsNull() && m.ContextFile.ValueString() != "" && v.servers.IsNull():
		add(at, "The servers are in the context file on the node. Give them as verification.servers too, or leave "+given+" out.")
	case etcd:
		if err := m.target().Check(); err != nil {
			add(at, connection.Sentence(err.Error())+` Set verify = "contract", which connects without KINE.`)
		}
	}
}

// checkAccount refuses credentials of a user of another account than the bucket's, as far as both are known.
func (m *endpointModel) checkAccount(diags *diag.Diagnostics) {
	v := m.verification()
	bucket := m.account()
	if bucket == "" || v.credentials.ValueString() == "" {
		return
	}
	// What are no credentials at all, a validator refuses.
	user, err := claims.CredentialsAccount(v.credentials.ValueString())
	if err != nil || user == bucket {
		return
	}
	diags.AddAttributeError(path.Root("verification").AtName(v.name), "Credentials of Another Account", fmt.Sprintf("The credentials in verification.%s are "+
		"those of a user of the account %s, and datastore is a bucket of the account %s: KINE would make an empty bucket in the wrong account.\n\n"+
		"Give the credentials of a user of the bucket's account, or the bucket of the user's.", v.name, user, bucket))
}

// account returns the public key of the bucket's account, and domain its JetStream domain, both empty if none was given.
func (m *endpointModel) account() string { return m.datastore().Account.ValueString() }

func (m *endpointModel) domain() string { return m.datastore().JetStreamDomain.ValueString() }

// connects returns how k3s would connect, but for what differs on this machine. What is unknown counts as unset.
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

// target returns what KINE is run on.
func (m *endpointModel) target() preflight.Target {
	s := m.connects()
	e, _ := m.endpoint()
	return preflight.Target{
		Endpoint: kine.Endpoint{Servers: s.Servers, Spec: e.Spec, User: e.User, Password: e.Password, Token: e.Token, SlowMethod: e.SlowMethod},
		// What k3s gets as a context file, KINE gets as one here.
		InContext: !m.ContextFile.IsNull(), Credentials: s.Auth.Credentials, TLS: s.TLS,
	}
}

// warnOfK3s tells what is to be known about the KINE of the k3s.
func (m *endpointModel) warnOfK3s(diags *diag.Diagnostics) {
	if m.K3sVersion.IsNull() || m.K3sVersion.IsUnknown() {
		return
	}
	at, version := path.Root("k3s_version"), m.K3sVersion.ValueString()
	switch k3s := kine.LookUpK3s(version); {
	case k3s.Generation == kine.GenerationUnknown:
		diags.AddAttributeWarning(at, "Unknown K3s Version", "Which KINE k3s "+version+" bundles is not known to this version of the provider. "+
			"It is taken for one that accepts no bucket but the one that nats_kine_bucket makes, as every KINE does from 0.14.10 on.")
	case k3s.SlowReplay:
		diags.AddAttributeWarning(at, "K3s Starts Slowly on Large Buckets", "k3s "+version+" bundles a KINE before 0.16.4, which takes long to read a "+
			"large bucket when it starts: k3s may then give up waiting for its datastore.\n\nPrefer a k3s with KINE 0.16.4 or newer, such as "+
			"1.37.0.")
	}
}
