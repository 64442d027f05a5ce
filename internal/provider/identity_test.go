package provider_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/connection"
)

// Errors caused by the wrong credentials name their account, their source, and the expected account.
func TestWhoseCredentials(t *testing.T) {
	operator, strangers := newOperator(t), newOperator(t)
	tenant, err := operator.AddAccount("tenant", nil)
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := strangers.AddAccount("tenant", nil)
	if err != nil {
		t.Fatal(err)
	}
	lab := natslab.Single(t, natslab.OperatorMode(operator))
	first := natslab.Single(t, natslab.HandshakeFirst())
	expired := time.Now().Add(-time.Hour).UTC().Truncate(time.Second)
	credentials := func(of *natslab.OperatorAccount, change func(*jwt.UserClaims)) string {
		t.Helper()
		text, err := of.Credentials("bob", change)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	system, user, foreign := credentials(operator.SystemAccount(), nil), credentials(tenant,
		nil), credentials(stranger, nil)
	old := credentials(tenant, func(c *jwt.UserClaims) { c.Expires = expired.Unix() })
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	userFile, foreignFile := file("user.creds", user), file("foreign.creds", foreign)
	contextFile := file("named.json", fmt.Sprintf(`{"creds": %q}`, foreignFile))

	connect := func(ctx context.Context, data *connection.Data) error {
		client, err := data.Client()
		if err != nil {
			return err
		}
		return client.Connect(ctx)
	}
	askDomain := func(ctx context.Context, data *connection.Data) error {
		js, err := data.JetStream("", "leaf")
		if err != nil {
			return err
		}
		return js.Request(ctx, "INFO", nil, nil)
	}
	askJetStream := func(ctx context.Context, data *connection.Data) error {
		js, err := data.JetStream("", "")
		if err != nil {
			return err
		}
		return js.Request(ctx, "INFO", nil, nil)
	}
	askSystem := func(ctx context.Context, data *connection.Data) error {
		resolver, err := data.Resolver()
		if err != nil {
			return err
		}
		_, err = resolver.Servers(ctx)
		return err
	}
	for name, c := range map[string]struct {
		config acctest.Config
		env    map[string]string
		do     func(context.Context, *connection.Data) error
		want   []string
	}{
		"the system's for the provider": {
			config: acctest.Config{"credentials": system}, do: askJetStream,
			want: []string{
				`connected as the user "bob" (U`, "of the account " + operator.SystemAccount().PublicKey() + ", from credentials.",
				"The system account has none.",
			},
		},
		"a tenant's for a domain of others": {
			config: acctest.Config{"credentials": user}, do: askDomain,
			want: []string{"of the account " + tenant.PublicKey(),
				"The leaf node of the domain must be connected to the same account"},
		},
		"a tenant's for the system": {
			config: acctest.Config{"operator": acctest.Config{"system_credentials": user}}, do: askSystem,
			want: []string{"of the account " + tenant.PublicKey() + ", from operator.system_credentials.",
				"It needs a user of the system account"},
		},
		"a tenant's file for the system": {
			config: acctest.Config{"operator": acctest.Config{"system_credentials_file": userFile}}, do: askSystem,
			want: []string{"from operator.system_credentials_file."},
		},
		"a tenant's for the system, of the environment": {
			env: map[string]string{"NATS_SYSTEM_CREDS": userFile}, do: askSystem,
			want: []string{"from NATS_SYSTEM_CREDS in the environment."},
		},
		"none": {do: connect, want: []string{"No credentials are set in the provider's configuration, in the environment"}},
		"another operator's, of the environment": {
			env: map[string]string{"NATS_CREDS": foreignFile}, do: connect,
			want: []string{"of the account " + stranger.PublicKey() + ", from NATS_CREDS in the environment.",
				"that their own operator signed"},
		},
		"another operator's, of a context": {
			config: acctest.Config{"context": contextFile}, do: connect,
			want: []string{"of the account " + stranger.PublicKey() + ", from the NATS context"},
		},
		"a password": {
			config: acctest.Config{"user": "bob", "password": "guess-work"}, do: connect,
			want: []string{`The provider used the user "bob", from user.`},
		},
		"expired ones": {
			config: acctest.Config{"credentials": old}, do: connect,
			want: []string{"of the account " + tenant.PublicKey(),
				"These credentials expired at " + expired.Format(time.RFC3339)},
		},
		"expired ones of the system": {
			config: acctest.Config{"operator": acctest.Config{"system_credentials": old}}, do: askSystem,
			want: []string{"from operator.system_credentials. These credentials expired at " + expired.Format(time.RFC3339)},
		},
		"without handshake_first": {
			config: acctest.Config{"servers": []any{first.ClientURL()}}, do: connect,
			want: []string{"tls = { handshake_first = true }"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			for variable, value := range c.env {
				t.Setenv(variable, value)
			}
			config := acctest.Config{"servers": []any{lab.ClientURL()}}
			maps.Copy(config, c.config)
			data, found := acctest.Configured(t, config)
			if len(found) > 0 {
				t.Fatal(found)
			}
			err := c.do(t.Context(), data)
			if err == nil {
				t.Fatal("there is no error")
			}
			text := connection.Explain(err)
			for _, want := range c.want {
				if !strings.Contains(text, want) {
					t.Errorf("no %q in\n%s", want, text)
				}
			}
			if strings.Contains(text, "guess-work") {
				t.Errorf("the password is shown:\n%s", text)
			}
		})
	}
}
