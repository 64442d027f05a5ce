package natsconn

import (
	"errors"
	"strings"
	"testing"

	"github.com/nats-io/nkeys"
)

// What stands where a path should is told without being shown, wherever the path comes from.
func TestSecretInPlaceOfAPath(t *testing.T) {
	newContexts(t)
	_, account := newOperator(t)
	credentials := newCredentials(t, account)
	seed, _ := newSeed(t, nkeys.CreateUser)
	token := strings.Split(credentials, "\n")[1]
	for what, secret := range map[string]string{
		"credentials": credentials, "a seed": seed, "a seed with a line's end": seed + "\n", "a JWT": token,
		"a seed in quotes": `"` + seed + `"`, "a variable": "NATS_NKEY=" + seed,
		"a key": "-----BEGIN PRIVATE KEY-----" + seed,
	} {
		for where, client := range map[string]*Client{
			"credentials file":  NewClient(Settings{Servers: []string{"h"}, Auth: Auth{CredentialsFile: secret}}, nil),
			"nkey file":         NewClient(Settings{Servers: []string{"h"}, Auth: Auth{NKeyFile: secret}}, nil),
			"client key's file": NewClient(Settings{Servers: []string{"h"}, TLS: TLS{CertFile: "cert.pem", KeyFile: secret}}, nil),
			"NATS_CREDS":        NewClient(Settings{}, variables(map[string]string{EnvURL: "h", EnvCreds: secret})),
			"NATS_NKEY":         NewClient(Settings{}, variables(map[string]string{EnvURL: "h", EnvNKey: secret})),
		} {
			err := client.Connect(testContext(t))
			if err == nil || strings.Contains(err.Error(), seed) || strings.Contains(err.Error(), token) {
				t.Errorf("%s as %s: %v", what, where, err)
			}
			if where != "client key's file" && !errors.Is(err, ErrNotAPath) { // there, the certificate is missed first
				t.Errorf("%s as %s: %v", what, where, err)
			}
		}
	}
	for _, cut := range []string{seed[:len(seed)-1], seed[:20] + seed[21:]} {
		if err := CheckSecretPath(cut); !errors.Is(err, ErrNotAPath) {
			t.Errorf("a seed with a letter missing: %v", err)
		}
	}
	_, public := newSeed(t, nkeys.CreateAccount)
	for _, path := range []string{"/etc/nats/SUPER.creds", "keys/A/" + public[1:3] + "/" + public + ".nk"} {
		if err := CheckSecretPath(path); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}
