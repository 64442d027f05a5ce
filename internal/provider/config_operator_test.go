package provider_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/connection"
)

// operatorOf configures the provider and returns its operator.
func operatorOf(t *testing.T, config acctest.Config) (*connection.Operator, error) {
	t.Helper()
	data, found := acctest.Configured(t, config)
	if len(found) > 0 {
		t.Fatalf("%+v", found)
	}
	return data.Operator()
}

// The operator's key and the system account's user each come from the configuration or from the environment.
func TestOperatorConfig(t *testing.T) {
	s, other := newSecrets(t), newSecrets(t)
	operator := newOperator(t)
	lab := natslab.Single(t, natslab.OperatorMode(operator))
	system := newSystem(t, operator, lab.URLs()).credentials
	dir := t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	seedFile, systemFile, otherFile := write("key", other.operatorSeed+"\n"), write("sys.creds",
		system), write("other.creds", other.credentials)
	unknown := acctest.Unknown{}
	object := func(config acctest.Config) acctest.Config {
		return acctest.Config{"servers": list(lab.ClientURL()), "operator": config}
	}
	type env map[string]string

	for name, c := range map[string]struct {
		env    env
		config acctest.Config
		// key is the seed that is used, system tells whether the user of the system account is. Else, what the error says.
		key, keyErr string
		system      bool
		systemErr   string
	}{
		"all of it": {config: object(acctest.Config{"signing_key": s.operatorSeed + "\n", "system_credentials": system}),
			key: s.operatorSeed, system: true},
		"a file": {config: object(acctest.Config{"signing_key": s.operatorSeed, "system_credentials_file": systemFile}),
			key: s.operatorSeed, system: true},
		"the configuration beats the environment": {
			env:    env{"NATS_OPERATOR_SIGNING_KEY": other.operatorSeed, "NATS_SYSTEM_CREDS": otherFile},
			config: object(acctest.Config{"signing_key": s.operatorSeed, "system_credentials": system}), key: s.operatorSeed,
			system: true,
		},
		"the environment alone": {
			env:    env{"NATS_OPERATOR_SIGNING_KEY": s.operatorSeed, "NATS_SYSTEM_CREDS": systemFile},
			config: acctest.Config{"servers": list(lab.ClientURL())},
			key:    s.operatorSeed, system: true,
		},
		"a key's file of the environment": {
			env: env{"NATS_OPERATOR_SIGNING_KEY_FILE": seedFile}, config: object(acctest.Config{"system_credentials": system}),
			key: other.operatorSeed, system: true,
		},
		"the key alone": {
			config: object(acctest.Config{"signing_key": s.operatorSeed}), key: s.operatorSeed,
			systemErr: "No system account credentials are configured.\n\nSet operator.system_credentials or",
		},
		"the user alone": {
			config: object(acctest.Config{"system_credentials": system}), system: true,
			keyErr: "No operator signing key is configured.\n\n" +
				"Set operator.signing_key in the provider's configuration, or NATS_OPERATOR_SIGNING_KEY",
		},
		"an unknown key never comes from the environment": {
			env:    env{"NATS_OPERATOR_SIGNING_KEY": s.operatorSeed},
			config: object(acctest.Config{"signing_key": unknown, "system_credentials": system}),
			keyErr: "not known yet: operator.signing_key depends", system: true,
		},
		"an unknown user neither": {
			env:    env{"NATS_SYSTEM_CREDS": systemFile},
			config: object(acctest.Config{"signing_key": s.operatorSeed, "system_credentials": unknown}),
			key:    s.operatorSeed, systemErr: "not known yet: operator.system_credentials depends",
		},
		"an unknown file neither": {
			env:    env{"NATS_SYSTEM_CREDS": systemFile},
			config: object(acctest.Config{"signing_key": s.operatorSeed, "system_credentials_file": unknown}),
			key:    s.operatorSeed, systemErr: "not known yet: operator.system_credentials_file depends",
		},
		"unknown servers": {
			config: acctest.Config{"servers": unknown,
				"operator": acctest.Config{"signing_key": s.operatorSeed, "system_credentials": system}},
			key: s.operatorSeed, systemErr: "not known yet: servers depends",
		},
		"a user's key in the environment": {
			env: env{"NATS_OPERATOR_SIGNING_KEY": s.userSeed}, config: object(acctest.Config{"system_credentials": system}),
			system: true,
			keyErr: "NATS_OPERATOR_SIGNING_KEY: it is the seed of a user key: an operator's seed, which starts with SO, is " +
				"needed",
		},
		"credentials for a key's file": {
			env: env{"NATS_OPERATOR_SIGNING_KEY_FILE": systemFile}, config: object(acctest.Config{"system_credentials": system}),
			system: true,
			keyErr: "The file " + systemFile + " that NATS_OPERATOR_SIGNING_KEY_FILE names: not an NKey seed",
		},
		"a missing key's file": {
			env:    env{"NATS_OPERATOR_SIGNING_KEY_FILE": filepath.Join(dir, "missing")},
			config: object(acctest.Config{"system_credentials": system}), system: true, keyErr: "no such file",
		},
		"two keys in the environment": {
			env: env{"NATS_OPERATOR_SIGNING_KEY_FILE": seedFile, "NATS_OPERATOR_SIGNING_KEY": s.operatorSeed}, system: true,
			config: object(acctest.Config{"system_credentials": system}), keyErr: "are both set: set only one of them",
		},
		"content for a path": {
			env:    env{"NATS_SYSTEM_CREDS": s.credentials, "NATS_OPERATOR_SIGNING_KEY_FILE": s.operatorSeed},
			config: object(acctest.Config{}),
			keyErr: "NATS_OPERATOR_SIGNING_KEY_FILE: it is an nkey seed and not a path",
			systemErr: "NATS_SYSTEM_CREDS in the environment: the path of a credentials file: it is the content of a " +
				"credentials file and not a path",
		},
		"another system's user": {
			env: env{"NATS_SYSTEM_CREDS": otherFile}, config: object(acctest.Config{"signing_key": s.operatorSeed}),
			key:       s.operatorSeed,
			systemErr: "The credentials of the system account's user were refused by " + lab.ClientURL(),
		},
	} {
		t.Run(name, func(t *testing.T) {
			for variable, value := range c.env {
				t.Setenv(variable, value)
			}
			op, err := operatorOf(t, c.config)
			if err != nil {
				t.Fatal(err)
			}
			check := func(what string, err error, want string) {
				t.Helper()
				switch {
				case err == nil && want != "":
					t.Errorf("%s: no error, wanted %q", what, want)
				case err != nil && (want == "" || !strings.Contains(connection.Explain(err), want)):
					t.Errorf("%s: %s\nwanted %q", what, connection.Explain(err), want)
				case err != nil && s.shown(err.Error()) != nil:
					t.Errorf("%s shows a secret: %v", what, err)
				}
			}
			key, err := op.SigningKey()
			if check("signing key", err, c.keyErr); key != c.key {
				t.Error("another key is used")
			}
			client, err := op.System()
			if again, _ := op.System(); again != client {
				t.Error("the client is not shared")
			}
			if err == nil {
				t.Cleanup(client.Close)
				err = client.Connect(t.Context())
			}
			check("system account", err, c.systemErr)
			if c.system && err == nil {
				assertSystemUser(t, client)
			}
		})
	}
}

// If no part of an operator is configured, the error lists everything that can be set.
func TestNoOperator(t *testing.T) {
	_, err := operatorOf(t, acctest.Config{})
	if !errors.Is(err, connection.ErrNoOperator) {
		t.Fatal(err)
	}
	told := connection.Explain(err)
	for _, want := range []string{"operator.signing_key", "NATS_OPERATOR_SIGNING_KEY", "operator.system_credentials",
		"NATS_SYSTEM_CREDS"} {
		if !strings.Contains(told, want) {
			t.Errorf("%s is not named in: %s", want, told)
		}
	}
	for _, config := range []any{acctest.Unknown{}, acctest.Config{"signing_key": acctest.Unknown{}}} {
		_, err := operatorOf(t, acctest.Config{"operator": config})
		var unknown *connection.UnknownError
		if !errors.As(err, &unknown) || len(unknown.Attributes) != 1 ||
			!strings.HasPrefix(unknown.Attributes[0], "operator") {
			t.Errorf("with %v unknown: %v", config, err)
		}
	}
}

// A client with another user uses the servers and TLS settings of the provider's own client, here from a NATS context.
func TestSystemUserOfContext(t *testing.T) {
	operator, err := natslab.NewOperator("lab")
	if err != nil {
		t.Fatal(err)
	}
	lab := natslab.Single(t, natslab.OperatorMode(operator), natslab.TLS())
	system, err := operator.SystemAccount().Credentials("terraform", nil)
	if err != nil {
		t.Fatal(err)
	}
	writeContext(t,
		map[string]any{"url": lab.ClientURL(), "user": "nobody", "password": "p", "ca": lab.TLSFiles().CA}, false)
	data, _ := acctest.Configured(t,
		acctest.Config{"context": "test", "operator": acctest.Config{"system_credentials": system}})
	op, err := data.Operator()
	if err != nil {
		t.Fatal(err)
	}
	client, err := op.System()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	assertSystemUser(t, client)
}

// assertSystemUser checks that the client is a user of the system account, to which alone the server answers here.
func assertSystemUser(t *testing.T, client *natsconn.Client) {
	t.Helper()
	if _, err := client.Request(t.Context(), &nats.Msg{Subject: "$SYS.REQ.SERVER.PING"}); err != nil {
		t.Errorf("this is no user of the system account: %v", err)
	}
}
