// Package tlsconfig implements the attribute tls of the provider and of an endpoint's verification.
package tlsconfig

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	ephemeralschema "github.com/hashicorp/terraform-plugin-framework/ephemeral/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	providerschema "github.com/hashicorp/terraform-plugin-framework/provider/schema"
	resourceschema "github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/validators"
	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

// keyWriteOnly is the attribute with the PEM text of the key in a resource, where it is write-only. KeyVersion is the
// attribute with its version.
const (
	keyWriteOnly = "key_pem_wo"
	keyVersion   = keyWriteOnly + "_version"
)

// texts maps attribute names to descriptions.
var texts = map[string]string{
	"ca_file":         "Path of the PEM file with the certificate authorities that sign the servers' certificates.",
	"ca_pem":          "Certificate authorities that sign the servers' certificates, as PEM text.",
	"cert_file":       "Path of the PEM file with the client certificate.",
	"cert_pem":        "Client certificate as PEM text.",
	"key_file":        "Path of the PEM file with the key of the client certificate.",
	"key_pem":         "Key of the client certificate as PEM text.",
	"server_name":     "Name to verify in the server's certificate. Defaults to the host name in the URL.",
	"handshake_first": "Whether to start TLS immediately, for servers with `handshake_first`. Defaults to `false`.",
}

// validatorsOf returns the validators of an attribute. They check its format, and that only one of file and text is
// set.
func validatorsOf(name string) []validator.String {
	base, kind, _ := strings.Cut(name, "_")
	other := map[string]string{"file": "pem", "pem": "file"}[kind]
	if other == "" {
		return []validator.String{stringvalidator.LengthAtLeast(1), validators.Text()}
	}
	conflict := stringvalidator.ConflictsWith(path.MatchRelative().AtParent().AtName(base + "_" + other))
	if kind == "file" {
		return []validator.String{conflict, validators.String("a path", "Invalid Path", CheckPath)}
	}
	return []validator.String{conflict, validators.String("PEM text", "Invalid PEM", checkPEM)}
}

// ProviderAttributes returns the attributes for the provider's configuration.
func ProviderAttributes() map[string]providerschema.Attribute {
	attributes := map[string]providerschema.Attribute{
		"handshake_first": providerschema.BoolAttribute{MarkdownDescription: texts["handshake_first"], Optional: true},
	}
	for name, text := range texts {
		if name != "handshake_first" {
			attributes[name] = providerschema.StringAttribute{
				MarkdownDescription: text, Optional: true, Sensitive: name == "key_pem", Validators: validatorsOf(name),
			}
		}
	}
	return attributes
}

// EphemeralAttributes returns the attributes for an ephemeral resource, which is never stored.
func EphemeralAttributes() map[string]ephemeralschema.Attribute {
	attributes := map[string]ephemeralschema.Attribute{
		"handshake_first": ephemeralschema.BoolAttribute{MarkdownDescription: texts["handshake_first"], Optional: true},
	}
	for name, text := range texts {
		if name != "handshake_first" {
			attributes[name] = ephemeralschema.StringAttribute{
				MarkdownDescription: text, Optional: true, Sensitive: name == "key_pem", Validators: validatorsOf(name),
			}
		}
	}
	return attributes
}

// ResourceAttributes returns the attributes for a resource. The PEM text of the key is write-only.
func ResourceAttributes() map[string]resourceschema.Attribute {
	attributes := map[string]resourceschema.Attribute{
		"handshake_first": resourceschema.BoolAttribute{MarkdownDescription: texts["handshake_first"], Optional: true},
		keyWriteOnly: resourceschema.StringAttribute{
			MarkdownDescription: texts["key_pem"] + " Write-only: it is never stored.", Optional: true, WriteOnly: true,
			Sensitive: true,
			Validators: []validator.String{
				stringvalidator.ConflictsWith(path.MatchRelative().AtParent().AtName("key_file")),
				validators.WithVersion(),
				validators.String("PEM text", "Invalid PEM", checkPEM),
			},
		},
		keyVersion: resourceschema.StringAttribute{
			MarkdownDescription: "Version of `" + keyWriteOnly + "`: any text. Change it together with the key to " +
				"run the check again.", Optional: true,
			Validators: []validator.String{stringvalidator.AlsoRequires(path.MatchRelative().AtParent().AtName(keyWriteOnly))},
		},
	}
	for name, text := range texts {
		if name == "handshake_first" || name == "key_pem" {
			continue
		}
		check := validatorsOf(name)
		if name == "key_file" {
			check = []validator.String{validators.String("a path", "Invalid Path", CheckPath)}
		}
		attributes[name] = resourceschema.StringAttribute{MarkdownDescription: text, Optional: true, Validators: check}
	}
	return attributes
}

// Validate adds an error if a certificate or a key is set without the other.
func Validate(object types.Object, at path.Path, diags *diag.Diagnostics) {
	if object.IsNull() || object.IsUnknown() {
		return
	}
	is := func(name string) bool { value, ok := object.Attributes()[name]; return ok && !value.IsNull() }
	cert := is("cert_file") || is("cert_pem")
	key := is("key_file") || is("key_pem") || is(keyWriteOnly)
	if cert != key {
		diags.AddAttributeError(at, "Invalid Attribute Combination",
			"A client certificate requires its key, and a key its certificate. Set both, each as a file or as PEM "+
				"text.")
	}
}

// HasUnknown reports whether a value is not known yet.
func HasUnknown(object types.Object) bool {
	if object.IsUnknown() {
		return true
	}
	for _, value := range object.Attributes() {
		if value.IsUnknown() {
			return true
		}
	}
	return false
}

// Settings returns the TLS settings of a connection. TLS is required if the attribute is set. Unknown values are
// treated as unset.
func Settings(object types.Object) natsconn.TLS {
	text := func(name string) string {
		value, _ := object.Attributes()[name].(types.String)
		return value.ValueString()
	}
	first, _ := object.Attributes()["handshake_first"].(types.Bool)
	settings := natsconn.TLS{
		CAFile: text("ca_file"), CAPEM: text("ca_pem"), CertFile: text("cert_file"), CertPEM: text("cert_pem"),
		KeyFile: text("key_file"), KeyPEM: text("key_pem"),
		ServerName: text("server_name"), HandshakeFirst: first.ValueBool(),
		Required: !object.IsNull(),
	}
	if key := text(keyWriteOnly); key != "" {
		settings.KeyPEM = key
	}
	return settings
}

// CheckPath checks the path of a local file.
func CheckPath(file string) error {
	switch {
	case file == "":
		return errors.New("it is empty")
	case strings.HasPrefix(file, "~"):
		return errors.New("the ~ is not expanded: use pathexpand()")
	}
	return secret.CheckPath(file)
}

// checkPEM checks that a text contains PEM blocks and that its certificates can be parsed. The error never quotes the
// text.
func checkPEM(text string) error {
	rest := []byte(text)
	for blocks := 0; ; blocks++ {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			if blocks == 0 {
				return errors.New("it contains no PEM block")
			}
			return nil
		}
		if block.Type == "CERTIFICATE" {
			if _, err := x509.ParseCertificate(block.Bytes); err != nil {
				return errors.New("it contains a certificate that cannot be parsed")
			}
		}
	}
}
