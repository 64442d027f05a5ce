package guard

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/nats-k3s/terraform-provider-nats/internal/provider/attribute"
	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

// takesToken matches the attributes that accept any text, or a JWT that is not sufficient to connect.
var takesToken = regexp.MustCompile(`((^|_)(jwt|token|preload|operator)|^keepers)$`)

// takesTokenID matches the attributes that accept any text that changes with a secret, for example the ID of a JWT.
var takesTokenID = regexp.MustCompile(`(_wo_version|^keepers)$`)

// tokenIDShape matches the ID of a JWT: a SHA-512/256 hash in base32 (ClaimsData.hash in jwt/v2's claims.go). One in
// 170 IDs starts like a seed. A seed has 58 characters.
var tokenIDShape = regexp.MustCompile(`^[A-Z2-7]{52}$`)

// isTokenID reports whether text is the ID of a JWT and the attribute accepts such an ID.
func isTokenID(attribute, text string) bool {
	return takesTokenID.MatchString(attribute) && tokenIDShape.MatchString(text)
}

// secrets holds the result of a search for misplaced secrets in a configuration.
type secrets struct {
	diagnostics []*tfprotov6.Diagnostic
	// asKey is true if a map key is a secret. Paths of values in the map contain the key, and the framework logs paths.
	asKey bool
}

// beside returns the diagnostics of the validation without secrets, followed by those of s for attributes without
// another error.
func (s secrets) beside(found []*tfprotov6.Diagnostic) []*tfprotov6.Diagnostic {
	scrubbed(found)
	all := found
	for _, d := range s.diagnostics {
		if !hasErrorAt(found, d.Attribute) {
			all = append(all, d)
		}
	}
	return all
}

func hasErrorAt(diagnostics []*tfprotov6.Diagnostic, at *tftypes.AttributePath) bool {
	return slices.ContainsFunc(diagnostics, func(d *tfprotov6.Diagnostic) bool {
		return d.Severity == tfprotov6.DiagnosticSeverityError && d.Attribute.Equal(at)
	})
}

// misplaced finds the attributes of a configuration that contain a secret and are not meant for secrets.
func (s *server) misplaced(
	config *tfprotov6.DynamicValue, of func(*tfprotov6.GetProviderSchemaResponse) *tfprotov6.Schema,
) (found secrets) {
	// Almost every configuration returns here. Decoding all of them would double the cost of validation.
	if config == nil || !secret.MayContain(config.MsgPack) && !secret.MayContain(config.JSON) {
		return found
	}
	all, err := s.schemas()
	if err != nil || of(all) == nil {
		return found // the server reports the error itself
	}
	schema := of(all)
	value, err := config.Unmarshal(schema.ValueType())
	if err != nil {
		return found
	}
	add := func(at *tftypes.AttributePath, what string) {
		at = shownPath(at)
		if hasErrorAt(found.diagnostics, at) {
			return
		}
		name := attribute.Path(at).String()
		text := fmt.Sprintf("Attribute %s must not be a secret, because it appears in the state, in plans and in logs: it "+
			"is %s.",
			name, what)
		if strings.HasSuffix(name, "_file") {
			text = fmt.Sprintf("Attribute %s must be a path: it is %s and not a path. Write the content to a file on the "+
				"machine that reads it, and set the attribute to the path of the file.", name, what)
		}
		found.diagnostics = append(found.diagnostics, &tfprotov6.Diagnostic{
			Severity: tfprotov6.DiagnosticSeverityError, Summary: "Secret in the Wrong Place", Detail: text, Attribute: at,
		})
	}
	// Walk returns an error only if its function does.
	_ = tftypes.Walk(value, func(at *tftypes.AttributePath, v tftypes.Value) (bool, error) {
		attribute := attributeAt(schema.Block.Attributes, at)
		if attribute == nil || attribute.Sensitive || attribute.WriteOnly {
			return attribute == nil, nil
		}
		if key, ok := at.LastStep().(tftypes.ElementKeyString); ok {
			if what := secret.Kind(string(key)); secret.IsSecret(string(key)) || what.Token() {
				found.asKey = true
				add(at, what.String())
			}
		}
		text := ""
		if v.Type().Is(tftypes.String) && v.IsKnown() && !v.IsNull() && v.As(&text) == nil {
			what := secret.Kind(text)
			isSecret := secret.IsSecret(text) && !isTokenID(attribute.Name, text)
			if isSecret || what.Token() && !takesToken.MatchString(attribute.Name) {
				add(at, what.String())
			}
		}
		return true, nil
	})
	return found
}

// attributeAt returns the innermost attribute on a path, or nil.
func attributeAt(attributes []*tfprotov6.SchemaAttribute, at *tftypes.AttributePath) *tfprotov6.SchemaAttribute {
	var innermost *tfprotov6.SchemaAttribute
	for _, step := range at.Steps() {
		name, ok := step.(tftypes.AttributeName)
		if !ok {
			continue
		}
		for _, a := range attributes {
			if a.Name != string(name) {
				continue
			}
			if innermost = a; a.NestedType != nil {
				attributes = a.NestedType.Attributes
			}
			break
		}
	}
	return innermost
}
