package natsconn

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/nats-io/jsm.go/natscontext"
)

// What a context says has an effect, or is refused by its name.
func TestContextFields(t *testing.T) {
	seed := "SUSECRETSEED"
	for name, c := range map[string]struct {
		fields map[string]any
		domain string
		// want is in the error, empty for none.
		want string
	}{
		"a domain":                   {fields: map[string]any{"jetstream_domain": "hub"}, domain: "hub"},
		"the default prefix":         {fields: map[string]any{"jetstream_api_prefix": "$JS.API"}},
		"a domain's prefix":          {fields: map[string]any{"jetstream_api_prefix": "$JS.hub.API"}, domain: "hub"},
		"a domain twice":             {fields: map[string]any{"jetstream_api_prefix": "$JS.hub.API.", "jetstream_domain": "hub"}, domain: "hub"},
		"two domains":                {fields: map[string]any{"jetstream_api_prefix": "$JS.hub.API", "jetstream_domain": "edge"}, want: "jetstream_api_prefix"},
		"a prefix of an import":      {fields: map[string]any{"jetstream_api_prefix": "tenant.API"}, want: "jetstream_api_prefix"},
		"a prefix of an import in a": {fields: map[string]any{"jetstream_api_prefix": "$JS.a.b.API"}, want: "jetstream_api_prefix"},
		"for people":                 {fields: map[string]any{"description": "x", "color_scheme": "red", "jetstream_event_prefix": "$JS.EVENT"}},
		"a seed without a JWT":       {fields: map[string]any{"user_seed": seed}, want: "user_seed without user_jwt"},
		"a password without a user":  {fields: map[string]any{"password": seed}, want: "password without user"},
		"a certificate without key":  {fields: map[string]any{"cert": "/c"}, want: "cert without key"},
		"a key without certificate":  {fields: map[string]any{"key": "/c"}, want: "key without cert"},
		"a match without a store":    {fields: map[string]any{"windows_cert_match": "x"}, want: "windows_cert_match without"},
		"authorities, no store":      {fields: map[string]any{"windows_ca_certs_match": []string{"x"}}, want: "windows_ca_certs_match without"},
		"a store of Windows":         {fields: map[string]any{"windows_cert_store": "user", "windows_cert_match_by": "subject", "windows_cert_match": "x"}, want: "cert"},
		"two ways":                   {fields: map[string]any{"user": "u", "creds": "/c"}, want: "user and creds"},
		"what is not known":          {fields: map[string]any{"gateway_secret": seed}, want: "gateway_secret"},
		"what is not known, empty":   {fields: map[string]any{"gateway_secret": ""}},
		"of no use, but settled":     {fields: map[string]any{"jetstream_api_prefix": "tenant.API"}, domain: "mine"},
	} {
		t.Run(name, func(t *testing.T) {
			directory := newContexts(t)
			c.fields["url"] = "nats://a"
			settings := Settings{Context: directory.add(t, "named", c.fields)}
			if strings.HasSuffix(name, "settled") {
				settings.Domain = c.domain
			}
			r, err := settings.resolve(nil)
			switch {
			case c.want == "" && err != nil:
				t.Fatal(err)
			case c.want == "" && r.domain != c.domain:
				t.Errorf("the domain is %q, not %q", r.domain, c.domain)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("the error is %v, wanted %q", err, c.want)
			case err != nil && strings.Contains(err.Error(), seed):
				t.Errorf("the error quotes the value: %v", err)
			}
		})
	}
}

// The list of fields is that of the library: a new one must get an effect, or a refusal.
func TestContextFieldsAreAll(t *testing.T) {
	context, ok := reflect.TypeFor[natscontext.Context]().FieldByName("config")
	if !ok {
		t.Fatal("a context of the library has no field config")
	}
	var fields []string
	for field := range context.Type.Elem().Fields() {
		if name, _, _ := strings.Cut(field.Tag.Get("json"), ","); name != "" {
			fields = append(fields, name)
		}
	}
	slices.Sort(fields)
	if want := slices.Sorted(slices.Values(contextFields)); !slices.Equal(fields, want) {
		t.Errorf("the library knows\n%q, and this package\n%q", fields, want)
	}
}
