package provider_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
)

// The content of a file where its path belongs is an error on the attribute, which says what it is and what to do.
func TestContentForPath(t *testing.T) {
	t.Parallel()
	l := newLeaks(t)
	contents := map[string]string{}
	for _, text := range l.texts {
		contents[l.kinds[text]] = text
	}
	of := map[string]acctest.Served{}
	for _, served := range acctest.Everything(t) {
		of[served.String()] = served
	}
	datastore := acctest.Config{"name": "kine", "history": 10, "replicas": 1}
	endpoint := acctest.Config{"servers": []any{"nats://127.0.0.1:4222"}, "datastore": datastore}
	serverConfig := acctest.Config{"tls": acctest.Config{"cert_file": "/etc/cert.pem", "key_file": "/etc/key.pem"}}
	for _, c := range []struct {
		of, attribute, kind, what string
		base                      acctest.Config
	}{
		{"resource nats_k3s_datastore_endpoint", "credentials_file", "credentials file", "the content of a credentials file and not a path", endpoint},
		{"resource nats_k3s_datastore_endpoint", "context_file", "context file", "the content of a NATS context file and not a path",
			acctest.Config{"datastore": datastore}},
		{"resource nats_k3s_datastore_endpoint", "tls.key_file", "PEM key", "a PEM block with a private key and not a path", endpoint},
		{"ephemeral resource nats_k3s_datastore_endpoint", "credentials_file", "credentials file", "the content of a credentials file and not a path",
			endpoint},
		{"provider", "credentials_file", "credentials file", "the content of a credentials file and not a path", nil},
		{"provider", "operator.system_credentials_file", "credentials file", "the content of a credentials file and not a path", nil},
		{"provider", "tls.key_file", "PEM key", "a PEM block with a private key and not a path", nil},
		{"provider", "context", "context file", "the content of a NATS context file and not a path", nil},
		{"data source nats_server_config", "tls.key_file", "PEM key", "a PEM block with a private key and not a path", serverConfig},
	} {
		places := of[c.of].Places()
		i := slices.IndexFunc(places, func(p acctest.Place) bool { return p.String() == c.attribute })
		if i < 0 {
			t.Errorf("%s has no %s", c.of, c.attribute)
			continue
		}
		found := of[c.of].Validate(t, places[i].In(c.base, contents[c.kind]))
		if !slices.ContainsFunc(found, func(d acctest.Diagnostic) bool {
			return d.Path == c.attribute && strings.Contains(d.Text, c.what) && strings.Contains(strings.ToLower(d.Text), "write that to a file")
		}) {
			t.Errorf("%s: %s: %+v", c.of, c.attribute, found)
		}
	}
}
