package account_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// keys are the public keys that the claims of a full account need.
type keys struct{ identity, plain, scoped, user, revoked, other, xkey, importer string }

func newKeys(t *testing.T) keys {
	t.Helper()
	k := keys{
		identity: newKey(t, natsconn.AccountKey), plain: newKey(t, natsconn.AccountKey),
		scoped: newKey(t, natsconn.AccountKey),
		user:   newKey(t, natsconn.UserKey), revoked: newKey(t, natsconn.UserKey), other: newKey(t, natsconn.AccountKey),
		xkey: newKey(t, natsconn.CurveKey), importer: newKey(t, natsconn.AccountKey),
	}
	if k.scoped > k.plain {
		k.scoped, k.plain = k.plain, k.scoped // in the order of the claims
	}
	return k
}

// full is the configuration of an account in which every claim is set, and the claims that it stands for. The limits of
// JetStream are in tiers if asked for.
func full(t *testing.T, k keys, tiers bool) (string, claims.Account) {
	t.Helper()
	n := func(n int64) *int64 { return &n }
	activation, err := activationToken(t, k)
	if err != nil {
		t.Fatal(err)
	}
	limits := `
    disk_storage            = "10GiB"
    memory_storage          = -1
    streams                 = 11
    consumers               = 12
    max_ack_pending         = 13
    disk_max_stream_bytes   = "1GiB"
    memory_max_stream_bytes = "1MiB"
    max_bytes_required      = true`
	jetStream := claims.JetStream{
		DiskStorage: n(10 << 30), Streams: n(11), Consumers: n(12), MaxAckPending: n(13), DiskMaxStreamBytes: n(1 << 30),
		MemoryMaxStreamBytes: n(1 << 20), MaxBytesRequired: true,
	}
	want := claims.Account{
		Claims: claims.Claims{
			PublicKey: k.identity, Name: "full", Tags: []string{"edge", "region:eu"}, Audience: "everybody",
			NotBefore: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), Expires: time.Date(2099, 12, 31, 22, 0, 0, 0, time.UTC),
		},
		Description: "an account with everything", InfoURL: "https://example.com/full",
		Limits: claims.Limits{
			Connections: n(101), LeafNodes: n(102), Subscriptions: n(103), Imports: n(104), Exports: n(105), Payload: n(1 << 20),
			Data:           n(1 << 30),
			NoBearerTokens: true,
		},
		Exports: []claims.Export{
			{
				Name: "orders", Subject: "orders.*.>", Type: claims.Service, TokenRequired: true,
				Revocations:  map[string]time.Time{k.importer: time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)},
				ResponseType: "Singleton", ResponseThreshold: 90 * time.Second,
				Latency:              &claims.Latency{Sampling: 50, Results: "latency.orders"},
				AccountTokenPosition: 2, Advertise: true, AllowTrace: true, Description: "orders",
				InfoURL: "https://example.com/orders",
			},
			{Subject: "ticks.>", Type: claims.Stream},
		},
		Imports: []claims.Import{
			{Name: "news", Subject: "news.*", Account: k.other, Token: activation, LocalSubject: "in.$1", Type: claims.Stream, AllowTrace: true},
			{Name: "help", Subject: "help", Account: k.other, LocalSubject: "ask", Type: claims.Service, Share: true},
		},
		SigningKeys: []claims.SigningKey{{PublicKey: k.plain}, {PublicKey: k.scoped, Scope: &claims.Scope{
			Role: "reader", Description: "may read",
			Template: claims.UserLimits{
				Permissions: claims.Permissions{
					Publish:   claims.Permission{Allow: []string{"ask"}, Deny: []string{"ask.not"}},
					Subscribe: claims.Permission{Allow: []string{"news.> readers"}, Deny: []string{"news.secret"}},
					Responses: &claims.Responses{MaxMessages: 5, Expires: time.Minute},
				},
				Subscriptions: n(7), Data: n(1 << 20), Payload: n(1 << 10),
				SourceNetworks: []string{"192.0.2.0/24", "2001:db8::/32"},
				Times:          []claims.TimeRange{{Start: "08:00:00", End: "18:00:00"}}, TimesLocation: "Europe/Berlin",
				BearerToken: true, ProxyRequired: true, ConnectionTypes: []string{"STANDARD", "WEBSOCKET"},
			},
		}}},
		DefaultPermissions: claims.Permissions{
			Publish:   claims.Permission{Allow: []string{"out.>"}, Deny: []string{"out.secret"}},
			Subscribe: claims.Permission{Deny: []string{"in.secret"}},
			Responses: &claims.Responses{MaxMessages: -1, Expires: 30 * time.Second},
		},
		Mappings: map[string][]claims.Destination{"old.*": {
			{Subject: "new.$1", Weight: 60}, {Subject: "newer.{{wildcard(1)}}", Weight: 40}, {Subject: "east.$1", Weight: 100, Cluster: "east"},
		}},
		Revocations: map[string]time.Time{k.revoked: time.Date(2025, 6, 1, 12, 0, 0, 0, time.UTC),
			"*": time.Date(2023, 1, 1, 0, 0, 0, 0, time.UTC)},
		Authorization:  claims.Authorization{AuthUsers: []string{k.user}, AllowedAccounts: []string{k.other}, XKey: k.xkey},
		Trace:          &claims.Trace{Destination: "traces", Sampling: 25},
		ClusterTraffic: "owner",
	}
	if tiers {
		limits = fmt.Sprintf("\n    tiers = {\n      R1 = {%s\n      }\n      R3 = { disk_storage = \"5GiB\" }\n    }",
			limits)
		want.Tiers = map[string]claims.JetStream{"R1": jetStream, "R3": {MemoryStorage: n(0), DiskStorage: n(5 << 30)}}
	} else {
		want.JetStream = &jetStream
	}
	return fmt.Sprintf(`
  name        = "full"
  public_key  = %[1]q
  description = "an account with everything"
  info_url    = "https://example.com/full"
  tags        = ["region:eu", "edge"]
  audience    = "everybody"
  not_before  = "2020-01-01T00:00:00Z"
  expires_at  = "2099-12-31T22:00:00Z"
  limits = {
    connections     = 101
    leaf_nodes      = 102
    subscriptions   = 103
    imports         = 104
    exports         = 105
    payload         = "1MiB"
    data            = "1GiB"
    disallow_bearer = true
  }
  jetstream = {%[2]s
  }
  exports = [
    {
      name                   = "orders"
      subject                = "orders.*.>"
      type                   = "service"
      token_required         = true
      revocations            = { %[8]q = "2024-01-01T00:00:00Z" }
      response_type          = "Singleton"
      response_threshold     = "1m30s"
      latency                = { sampling = 50, results = "latency.orders" }
      account_token_position = 2
      advertise              = true
      allow_trace            = true
      description            = "orders"
      info_url               = "https://example.com/orders"
    },
    { subject = "ticks.>", type = "stream" },
  ]
  imports = [
    { name = "help", subject = "help", account = %[6]q, local_subject = "ask", type = "service", share = true },
    { name = "news", subject = "news.*", account = %[6]q, token = %[9]q, local_subject = "in.$1", type = "stream", allow_trace = true },
  ]
  signing_keys = [
    {
      public_key = %[4]q
      scope = {
        role        = "reader"
        description = "may read"
        template = {
          permissions = {
            publish         = { allow = ["ask"], deny = ["ask.not"] }
            subscribe       = { allow = ["news.> readers"], deny = ["news.secret"] }
            allow_responses = { max_messages = 5, expires = "1m0s" }
          }
          subscriptions    = 7
          data             = "1MiB"
          payload          = "1KiB"
          source_networks  = ["192.0.2.0/24", "2001:db8::/32"]
          times            = [{ start = "08:00:00", end = "18:00:00" }]
          times_location   = "Europe/Berlin"
          bearer_token     = true
          proxy_required   = true
          connection_types = ["STANDARD", "WEBSOCKET"]
        }
      }
    },
    { public_key = %[3]q },
  ]
  default_permissions = {
    publish         = { allow = ["out.>"], deny = ["out.secret"] }
    subscribe       = { deny = ["in.secret"] }
    allow_responses = { max_messages = -1, expires = "30s" }
  }
  mappings = {
    "old.*" = { destinations = [
      { subject = "new.$1", weight = 60 },
      { subject = "newer.{{wildcard(1)}}", weight = 40 },
      { subject = "east.$1", weight = 100, cluster = "east" },
    ] }
  }
  revocations     = { %[7]q = "2025-06-01T12:00:00Z", "*" = "2023-01-01T00:00:00Z" }
  authorization   = { auth_users = [%[5]q], allowed_accounts = [%[6]q], xkey = %[10]q }
  trace           = { destination = "traces", sampling = 25 }
  cluster_traffic = "owner"
`, k.identity, limits, k.plain, k.scoped, k.user, k.other, k.revoked, k.importer, activation, k.xkey), want
}

// importing starts one server, which does not wait long for the account that the full one imports from and that nobody
// has.
func importing(t *testing.T) *bench {
	t.Helper()
	return single(t, natslab.ResolverMode(natslab.Resolver{Timeout: 100 * time.Millisecond}))
}

// activationToken lets the full account import the stream news of the other one. It is signed by another key than that,
// which no server can tell without the account.
func activationToken(t *testing.T, k keys) (string, error) {
	t.Helper()
	_, seed, err := claims.NewKey(natsconn.AccountKey)
	if err != nil {
		return "", err
	}
	signer, err := claims.NewAccountSigner(seed)
	if err != nil {
		return "", err
	}
	defer signer.Close()
	activation := claims.Activation{Claims: claims.Claims{PublicKey: k.identity, Name: "news"}, Subject: "news.>",
		Type: claims.Stream, IssuerAccount: k.other}
	return activation.Sign(t.Context(), signer, claims.SystemClock{}, time.Time{})
}

// Every claim comes to the servers as it was configured, and comes back: the plan is empty after an apply, a refresh
// and an import.
func TestAccAccountWithEverything(t *testing.T) {
	b := importing(t)
	type row struct {
		address, lines string
		want           claims.Account
	}
	var rows []row
	resources, data, adopted := "", "", ""
	for name, tiers := range map[string]bool{"flat": false, "tiers": true} {
		lines, want := full(t, newKeys(t), tiers)
		r := row{"nats_account." + name, lines, want}
		rows = append(rows, r)
		named := strings.NewReplacer(address, r.address, `"test"`, strconv.Quote(name))
		resources += named.Replace(config(lines))
		data += named.Replace("data \"nats_account\" \"test\" {\n  public_key = nats_account.test.public_key\n" +
			"  depends_on = [nats_account.test]\n}\n")
		// The configuration is in the form that an import gives.
		adopted += named.Replace(protected(lines)) +
			fmt.Sprintf("import {\n  to = %s\n  id = %q\n}\n", r.address, want.PublicKey)
	}
	w := acctest.NewInProcess(t, "")
	w.Converge(t, b.provider()+resources+data)
	imported := w.Another(t, b.provider()+resources)
	for _, r := range rows {
		got := b.stored(t, r.want.PublicKey)
		if fields := r.want.Diff(got.Account); len(fields) > 0 {
			t.Errorf("%s: the servers have other %v: %s", r.address, fields, cmp.Diff(&r.want, got.Account))
		}
		applied := w.Stored(t, r.address)
		if applied.Text("public_key") != r.want.PublicKey || applied.Text("issuer") != b.operator.SigningKey() ||
			applied["pending"] != nil {
			t.Errorf("%s has the key %s, the issuer %s and pending %v", r.address, applied["public_key"], applied["issuer"],
				applied["pending"])
		}
		imported.Must(t, "import", r.address, r.want.PublicKey)
		if diff := cmp.Diff(applied, imported.Stored(t, r.address), cmpopts.IgnoreMapEntries(func(name string, _ any) bool {
			return name == "deletion_protection"
		})); diff != "" {
			t.Errorf("%s: an import (+) has other attributes than the apply (-):\n%s", r.address, diff)
		}
		sameInData(t, applied, w.Stored(t, "data."+r.address))
	}
	if out := imported.Another(t, b.provider()+adopted).Must(t, "plan"); !strings.Contains(out,
		"Plan: 2 to import, 0 to add, 0 to change, 0 to destroy.") {
		t.Errorf("an import by block changes something:\n%s", out)
	}
	b.destroyed(t, w)
}

// sameInData checks that the data source tells the same of all that has no order of its own, and as much of the rest.
func sameInData(t *testing.T, applied, data acctest.Attributes) {
	t.Helper()
	for _, name := range []string{
		"name", "description", "info_url", "tags", "audience", "not_before", "expires_at", "limits", "jetstream",
		"default_permissions", "mappings", "revocations",
		"authorization", "trace", "cluster_traffic", "jwt", "issuer",
	} {
		if diff := cmp.Diff(applied[name], data[name]); diff != "" || applied[name] == nil {
			t.Errorf("the data source (+) has another %s than the resource (-):\n%s", name, diff)
		}
	}
	for _, name := range []string{"exports", "imports", "signing_keys"} {
		if list, _ := data[name].([]any); len(list) != 2 {
			t.Errorf("the data source has the %s %v", name, data[name])
		}
	}
}
