package natsconn

import (
	"errors"
	"strings"
	"testing"

	"github.com/nats-io/nkeys"

	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

// What stands where a path should is told without being shown, wherever the path comes from.
func TestSecretInPlaceOfAPath(t *testing.T) {
	newContexts(t)
	_, account := newOperator(t)
	credentials := newCredentials(t, account)
	seed, _ := newSeed(t, nkeys.CreateUser)
	token := strings.Split(credentials, "\n")[1]
	for what, hidden := range map[string]string{
		"credentials": credentials, "a seed": seed, "a seed with a line's end": seed + "\n", "a JWT": token,
		"a seed in quotes": `"` + seed + `"`, "a variable": "NATS_NKEY=" + seed,
		"a key": "-----BEGIN PRIVATE KEY-----" + seed,
	} {
		for where, client := range map[string]*Client{
			"credentials file": NewClient(Settings{Servers: []string{"h"}, Auth: Auth{CredentialsFile: hidden}}, nil),
			"nkey file":        NewClient(Settings{Servers: []string{"h"}, Auth: Auth{NKeyFile: hidden}}, nil),
			"client key's file": NewClient(Settings{Servers: []string{"h"},
				TLS: TLS{CertFile: "cert.pem", KeyFile: hidden}}, nil),
			"NATS_CREDS": NewClient(Settings{}, variables(map[string]string{EnvURL: "h", EnvCreds: hidden})),
			"NATS_NKEY":  NewClient(Settings{}, variables(map[string]string{EnvURL: "h", EnvNKey: hidden})),
		} {
			err := client.Connect(testContext(t))
			if err == nil || strings.Contains(err.Error(), seed) || strings.Contains(err.Error(), token) {
				t.Errorf("%s as %s: %v", what, where, err)
			}
			var not *secret.NotAPathError
			if where != "client key's file" && !errors.As(err, &not) { // there, the certificate is missed first
				t.Errorf("%s as %s: %v", what, where, err)
			}
		}
	}
}
