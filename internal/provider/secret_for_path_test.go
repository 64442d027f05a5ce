package provider_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
)

// File content where a path is expected is an error on the attribute, which explains the mistake and the remedy.
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
		{"resource nats_k3s_datastore_endpoint", "credentials_file", "credentials file", "the content of a credentials file, not a path", endpoint},
		{"resource nats_k3s_datastore_endpoint", "context_file", "context file", "the content of a NATS context file, not a path",
			acctest.Config{"datastore": datastore}},
		{"resource nats_k3s_datastore_endpoint", "tls.key_file", "PEM key", "a PEM block with a private key, not a path", endpoint},
		{"ephemeral resource nats_k3s_datastore_endpoint", "credentials_file", "credentials file", "the content of a credentials file, not a path",
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
			step := strings.ToLower(d.Text)
			return d.Path == c.attribute && strings.Contains(d.Text, c.what) &&
				(strings.Contains(step, "write that to a file") || strings.Contains(step, "write it to a file"))
		}) {
			t.Errorf("%s: %s: %+v", c.of, c.attribute, found)
		}
	}
}

// The ID of a JWT may start like a seed. It is not treated as a secret where users key on it, but a seed still is.
func TestTokenIDIsNoSecret(t *testing.T) {
	t.Parallel()
	seed := acctest.NewKey(t, natsconn.UserKey).Seed
	id := "SU" + strings.Repeat("A2", 25)
	endpoint := func(version string) acctest.Config {
		return acctest.Config{
			"servers":      []any{"nats://127.0.0.1:4222"},
			"datastore":    acctest.Config{"name": "kine", "history": 10, "replicas": 1},
			"verify":       "etcd",
			"verification": acctest.Config{"credentials_wo": "known in the apply", "credentials_wo_version": version},
		}
	}
	version := "verification.credentials_wo_version"
	for _, c := range []struct {
		resource, at string
		config       acctest.Config
		secret       bool
	}{
		{"nats_k3s_datastore_endpoint", version, endpoint(id), false},
		{"nats_k3s_datastore_endpoint", version, endpoint(seed), true},
		{"nats_k3s_datastore_endpoint", version, endpoint(seed[:len(seed)-1]), true},
		{"nats_k3s_datastore_endpoint", version, endpoint(id + "\n"), true},
		{"nats_nkey", `keepers["user"]`, acctest.Config{"type": "user", "keepers": acctest.Config{"user": id}}, false},
		{"nats_nkey", `keepers["user"]`, acctest.Config{"type": "user", "keepers": acctest.Config{"user": seed}}, true},
		{"nats_user", "name", acctest.Config{"account": acctest.NewKey(t, natsconn.AccountKey).Public, "name": id}, true},
	} {
		found := acctest.ValidateResource(t, c.resource, c.config)
		refused := slices.ContainsFunc(found, func(d acctest.Diagnostic) bool {
			return strings.HasPrefix(d.Text, "Secret in the Wrong Place") && strings.Contains(d.Text, "Attribute "+c.at+" ")
		})
		if refused != c.secret {
			t.Errorf("%s: %s: refused as a secret: %t, want %t: %+v", c.resource, c.at, refused, c.secret, found)
		}
	}
}
