package connection_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/connection"
)

// Each failure is told as a sentence, followed by the step to take.
func TestExplain(t *testing.T) {
	servers := []string{"nats://a", "nats://b"}
	api := func(code int) error { return &natsconn.APIError{ErrCode: code, Description: "the server's words"} }
	for _, c := range []struct {
		err        error
		says, step string
	}{
		{&connection.UnknownError{Attributes: []string{"servers", "token"}},
			"The provider's configuration is not known yet: servers, token depends on values that are known only after an " +
				"apply.",
			"An unknown value never falls back to the environment."},
		{natsconn.ErrNoServers, "No NATS server is configured.", "Set servers or context in the provider's configuration, or NATS_URL or NATS_CONTEXT"},
		{&natsconn.UnreachableError{Servers: servers, Err: errors.New("refused")}, "No connection to nats://a, nats://b: refused.",
			"Check that the servers are up"},
		{connection.Tolerable(&natsconn.UnreachableError{Servers: servers, Err: errors.New("refused")}), "No connection to nats://a, nats://b: refused.",
			`Set unreachable = "warn" in the provider's configuration`},
		{connection.Tolerable(&natsconn.TimeoutError{Subject: "x"}), `The request to "x" timed out.`,
			`Set unreachable = "warn" in the provider's configuration`},
		{connection.Tolerable(&natsconn.ServerVersionError{Version: "2.11.0"}), "and 2.12.0 or newer is required", "Upgrade nats-server."},
		{&natsconn.TLSError{Servers: servers, Err: errors.New("unknown authority")}, "No TLS connection to nats://a, nats://b: unknown authority.",
			"Check tls in the provider's configuration: ca_file or ca_pem"},
		{&natsconn.AuthError{Servers: servers, Err: errors.New("no")}, "The credentials were refused by nats://a, nats://b: no.",
			"in the environment (NATS_CREDS, NATS_USER, NATS_PASSWORD, NATS_TOKEN, NATS_NKEY)"},
		{&natsconn.ConnectionLimitError{Account: "AB", Servers: servers, Err: errors.New("no")},
			"The account AB has reached its maximum number of connections to nats://a, nats://b: no.",
			"limits.connections of a nats_account"},
		{&natsconn.ServerVersionError{Version: "2.11.0"}, "The server runs nats-server 2.11.0, and 2.12.0 or newer is required.", "Upgrade nats-server."},
		{&natsconn.PermissionError{Subject: "$JS.API.INFO", Publish: true}, `The user has no permission to publish to "$JS.API.INFO".`,
			`Grant the user permission to publish to "$JS.API.INFO".`},
		{&natsconn.PermissionError{Subject: "_INBOX.abc.*"}, `The user has no permission to subscribe to "_INBOX.abc.*".`,
			`Grant the user permission to subscribe to "_INBOX.>"`},
		{&natsconn.PermissionError{Subject: "_INBOX_bob.x.abc.*"}, "no permission to subscribe", `to subscribe to "_INBOX_bob.x.>"`},
		{&natsconn.NoJetStreamError{}, "The JetStream API does not respond.", "Enable JetStream on the server"},
		{&natsconn.NoJetStreamError{Domain: "hub"}, `The JetStream domain "hub" does not respond.`, "Check jetstream_domain"},
		{&natsconn.NoJetStreamError{Account: true}, "JetStream is not enabled for the account.", "Give the account JetStream limits"},
		{&natsconn.TimeoutError{Subject: "x"}, `The request to "x" timed out.`, "It is unknown whether the request was carried out"},
		{api(natsconn.CodeReplicasNotSupported), "The server's words (error code 10074).", "Set replicas to 1, or connect to a cluster."},
		{api(natsconn.CodeNoSuitablePeers), "error code 10005", "Lower replicas, add servers, or change placement."},
		{api(natsconn.CodeAccountResources), "error code 10002", "is exhausted"},
		{api(natsconn.CodeInsufficientStorage), "error code 10047", "is exhausted"},
		{api(natsconn.CodeMaxStreamBytes), "error code 10122", "is exhausted"},
		{api(natsconn.CodeMaximumStreams), "error code 10027", "has reached its maximum number of streams"},
		{api(natsconn.CodeMaxBytesRequired), "error code 10113", "Turn this limit off for the account"},
		{api(natsconn.CodeNoLimits), "error code 10120", "Add a tier for it"},
		{api(natsconn.CodeClusterNotAvailable), "error code 10008", "The cluster has no leader."},
		{api(natsconn.CodeNoLeader), "error code 10009", "The cluster has no leader."},
		{api(natsconn.CodeStreamOffline), "error code 10118", "All servers that hold the stream are down"},
		{api(10003), "The server's words (error code 10003).", ""},
		{errors.New("something else"), "Something else.", ""},
	} {
		for _, err := range []error{c.err, fmt.Errorf("%w", c.err)} {
			told, step, _ := strings.Cut(connection.Explain(err), "\n\n")
			if !strings.Contains(told, c.says) {
				t.Errorf("%T is told as %q, not %q", c.err, told, c.says)
			}
			if strings.Contains(step, "unreachable") != strings.Contains(c.step, "unreachable") {
				t.Errorf("the step for %q is %q", told, step)
			}
			if !strings.Contains(step, c.step) || c.step == "" && step != "" {
				t.Errorf("the step for %q is %q, not %q", told, step, c.step)
			}
		}
	}
	if text := connection.Sentence(""); text != "" {
		t.Errorf("no text becomes %q", text)
	}
}

func TestUnknownConfiguration(t *testing.T) {
	client := natsconn.NewClient(natsconn.Settings{Servers: []string{"nats://a"}}, nil)
	known := connection.NewData(client, nil, true)
	if got, err := known.Client(); err != nil || got != client || !known.TolerateUnreachable {
		t.Errorf("with all known: %v, %v", got, err)
	}
	if js, err := known.JetStream("", "hub"); err != nil || js.Domain() != "hub" {
		t.Errorf("with all known: %v, %v", js, err)
	}
	unknown := connection.NewData(client, []string{"servers"}, false)
	var names *connection.UnknownError
	if _, err := unknown.Client(); !errors.As(err, &names) || names.Attributes[0] != "servers" {
		t.Errorf("with unknown servers: %v", err)
	}
	if _, err := unknown.JetStream("", ""); !errors.As(err, &names) {
		t.Errorf("with unknown servers: %v", err)
	}
}

func TestFromProvider(t *testing.T) {
	var diags diag.Diagnostics
	data := connection.NewData(nil, nil, false)
	if got := connection.FromProvider(data, &diags); got != data || diags.HasError() {
		t.Errorf("got %v, %v", got, diags)
	}
	if got := connection.FromProvider(nil, &diags); got != nil || diags.HasError() {
		t.Errorf("before the provider is configured: %v, %v", got, diags)
	}
	if got := connection.FromProvider("data", &diags); got != nil || !diags.HasError() {
		t.Errorf("of another type: %v, %v", got, diags)
	}
}
