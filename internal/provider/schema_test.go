package provider_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
)

func TestMain(m *testing.M) { acctest.Main(m) }

// secret matches the names of attributes that hold a secret or a text that contains one.
var secret = regexp.MustCompile(`^((system_)?credentials(_wo)?|signing_key(_seed(_wo)?)?|seed(_wo)?|password|token|k3s_token(_wo)?|nkey_seed|key_pem(_wo)?|url|k3s_config|environment)$`)

// secretJWT matches the paths of JWTs that may be enough to connect.
var secretJWT = regexp.MustCompile(`^nats_user(_credentials)?\.jwt$`)

// public is an attribute with the name of a secret. Only the account for which an activation token is issued can use
// it, and that account's JWT, which is not secret, contains it.
const public = "nats_account.imports.token"

// Every served schema is valid, and its attributes are described and declare how they are used.
func TestSchemas(t *testing.T) {
	schemas := acctest.Schemas(t) // the framework's own validation of each schema is part of serving it
	for _, d := range schemas.Diagnostics {
		t.Errorf("%s: %s", d.Summary, d.Detail)
	}
	if len(schemas.ResourceSchemas) < 2 {
		t.Errorf("%d resources are served", len(schemas.ResourceSchemas))
	}
	checkSchema(t, "provider", schemas.Provider)
	for name, schema := range schemas.ResourceSchemas {
		checkSchema(t, name, schema)
	}
	for name, schema := range schemas.DataSourceSchemas {
		checkSchema(t, name, schema)
	}
	for name, schema := range schemas.EphemeralResourceSchemas {
		checkSchema(t, name, schema)
	}
}

func checkSchema(t *testing.T, name string, schema *tfprotov6.Schema) {
	t.Helper()
	if len(schema.Block.BlockTypes) > 0 {
		t.Errorf("%s has blocks, where attributes are wanted", name)
	}
	checkDescription(t, name, schema.Block.Description, schema.Block.DescriptionKind)
	checkAttributes(t, name, name == "provider", schema.Block.Attributes)
}

func checkAttributes(t *testing.T, parent string, ofProvider bool, attributes []*tfprotov6.SchemaAttribute) {
	t.Helper()
	for _, a := range attributes {
		name := parent + "." + a.Name
		switch {
		case a.Name == "timeouts": // the framework's module describes what is in it, as plain text
		case strings.HasSuffix(parent, ".timeouts"):
			checkDescription(t, name, a.Description, tfprotov6.StringKindMarkdown)
		default:
			checkDescription(t, name, a.Description, a.DescriptionKind)
		}
		switch {
		case a.Required == (a.Optional || a.Computed):
			t.Errorf("%s: required %t, optional %t, computed %t", name, a.Required, a.Optional, a.Computed)
		case ofProvider && a.Computed:
			t.Errorf("%s is computed, which no attribute of a provider can be", name)
		case a.WriteOnly && (a.Computed || !strings.HasSuffix(a.Name, "_wo")):
			t.Errorf("%s is write-only: its name ends in _wo, and it is not computed", name)
		case strings.HasSuffix(a.Name, "_wo") && !a.WriteOnly:
			t.Errorf("%s is not write-only", name)
		}
		if a.Sensitive != (name != public && secret.MatchString(a.Name) || secretJWT.MatchString(name)) {
			t.Errorf("%s: sensitive is %t", name, a.Sensitive)
		}
		if a.NestedType != nil {
			checkAttributes(t, name, ofProvider, a.NestedType.Attributes)
			configurable := func(n *tfprotov6.SchemaAttribute) bool { return n.Optional || n.Required }
			if a.Computed && !a.Optional && slices.ContainsFunc(a.NestedType.Attributes, configurable) {
				t.Errorf("%s is computed, and an attribute of it can be configured", name)
			}
		}
	}
}

// checkDescription requires sentences in Markdown.
func checkDescription(t *testing.T, name, text string, kind tfprotov6.StringKind) {
	t.Helper()
	switch {
	case text == "":
		t.Errorf("%s has no description", name)
	case kind != tfprotov6.StringKindMarkdown:
		t.Errorf("the description of %s is no Markdown", name)
	case !strings.HasSuffix(text, ".") || strings.ToUpper(text[:1]) != text[:1]:
		t.Errorf("the description of %s is no sentence: %q", name, text)
	case strings.Count(text, "`")%2 != 0 || strings.Contains(text, "  "):
		t.Errorf("the description of %s is ill-formed: %q", name, text)
	}
}

// Each resource has an identity by which it can be imported.
func TestIdentitySchemas(t *testing.T) {
	server, err := acctest.Factories["nats"]()
	if err != nil {
		t.Fatal(err)
	}
	identities, err := server.GetResourceIdentitySchemas(t.Context(), &tfprotov6.GetResourceIdentitySchemasRequest{})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range identities.Diagnostics {
		t.Errorf("%s: %s", d.Summary, d.Detail)
	}
	for resource := range acctest.Schemas(t).ResourceSchemas {
		identity, ok := identities.IdentitySchemas[resource]
		if !ok || len(identity.IdentityAttributes) == 0 {
			t.Errorf("%s has no identity", resource)
			continue
		}
		required := 0
		for _, a := range identity.IdentityAttributes {
			if a.Description == "" {
				t.Errorf("attribute %s of the identity of %s has no description", a.Name, resource)
			}
			if secret.MatchString(a.Name) {
				t.Errorf("the identity of %s has a secret in it: %s", resource, a.Name)
			}
			if a.RequiredForImport {
				required++
			}
		}
		if required == 0 {
			t.Errorf("nothing of the identity of %s is required for an import", resource)
		}
	}
}
