package connection_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/connection"
)

// The account of the provider's own credentials is known without a server, wherever these come from; it needs no
// signing key, and any other does.
func TestOwnAccount(t *testing.T) {
	operator, err := natslab.NewOperator("lab")
	if err != nil {
		t.Fatal(err)
	}
	own, other := operator.SystemAccount().PublicKey(), operator.SystemAccount().SigningKey()
	credentials, err := operator.SystemAccount().Credentials("terraform", nil)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, content string) string {
		file := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	file := write("user.creds", credentials)
	context, err := json.Marshal(map[string]string{"url": "nats://127.0.0.1:1", "creds": file})
	if err != nil {
		t.Fatal(err)
	}
	environment := func(variables map[string]string) natsconn.Environment {
		return func(name string) string { return variables[name] }
	}
	servers := []string{"nats://127.0.0.1:1"}
	for name, c := range map[string]struct {
		settings natsconn.Settings
		env      natsconn.Environment
		want     string
		fails    bool
	}{
		"content":              {settings: natsconn.Settings{Servers: servers, Auth: natsconn.Auth{Credentials: credentials}}, want: own},
		"file":                 {settings: natsconn.Settings{Servers: servers, Auth: natsconn.Auth{CredentialsFile: file}}, want: own},
		"context":              {settings: natsconn.Settings{Context: write("prod.json", string(context))}, want: own},
		"environment":          {env: environment(map[string]string{"NATS_URL": servers[0], "NATS_CREDS": file}), want: own},
		"user and password":    {settings: natsconn.Settings{Servers: servers, Auth: natsconn.Auth{User: "u", Password: "p"}}},
		"nobody":               {settings: natsconn.Settings{Servers: servers}},
		"a file not there yet": {settings: natsconn.Settings{Servers: servers, Auth: natsconn.Auth{CredentialsFile: file + "x"}}, fails: true},
	} {
		data := connection.NewData(natsconn.NewClient(c.settings, c.env), nil, false)
		if got, err := data.OwnAccount(); got != c.want || c.fails != (err != nil) {
			t.Errorf("%s: the account is %q, %v", name, got, err)
		}
		if c.fails {
			continue
		}
		client, _ := data.Client()
		if got, err := data.ClientOf(own); c.want != "" &&
			(got != client || err != nil || data.CheckAccount(types.StringValue(own)) != nil) {
			t.Errorf("%s: the own account is worked in with %v, %v", name, got, err)
		}
		var refused *connection.OtherAccountError
		_, err := data.ClientOf(other)
		for _, err := range []error{err, data.CheckAccount(types.StringValue(other))} {
			if !errors.As(err, &refused) || !errors.Is(err, connection.ErrNoAccountSigningKey) || refused.Own != c.want ||
				refused.Account != other ||
				!strings.Contains(connection.Explain(err), "credentials of a user of the account "+other) {
				t.Errorf("%s: another account is refused with %v", name, err)
			}
		}
	}
	unknown := connection.NewData(natsconn.NewClient(natsconn.Settings{Servers: servers}, nil),
		[]string{"credentials"}, false)
	if err := unknown.CheckAccount(types.StringValue(own)); err != nil {
		t.Errorf("while the credentials are unknown: %v", err)
	}
	if _, err := unknown.OwnAccount(); !errors.As(err, new(*connection.UnknownError)) {
		t.Errorf("while the credentials are unknown: %v", err)
	}
}
