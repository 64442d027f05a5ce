package account_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

func TestAccAccountLifecycle(t *testing.T) {
	b := single(t)
	w := acctest.NewInProcess(t, "")
	apply := func(lines, planned string) acctest.Attributes {
		t.Helper()
		if out := w.Converge(t, b.provider()+config(lines)); !strings.Contains(out, "# "+address+" "+planned) {
			t.Errorf("not planned: %s\n%s", planned, out)
		}
		return w.Stored(t, address)
	}
	// An identity is generated.
	first := apply(`name = "first"`, "will be created")
	publicKey := first.Text("public_key")
	if got := b.stored(t, publicKey).Account; got.Name != "first" || got.JetStream != nil ||
		got.Limits.Connections != nil {
		t.Errorf("the servers have %+v", got)
	}
	if first["push"] != true || first["pending"] != nil {
		t.Errorf("push is %v and pending %v", first["push"], first["pending"])
	}

	// A change of the claims is pushed in place.
	const updated = "will be updated in-place"
	second := apply("name = \"second\"\n  jetstream = { disk_storage = \"1GiB\" }", updated)
	if got := b.stored(t, publicKey).Account; got.Name != "second" || got.JetStream == nil ||
		*got.JetStream.DiskStorage != 1<<30 {
		t.Errorf("the servers have %+v", got)
	}

	// What is no claim is not signed again, nor is another form of the same.
	lines := "name = \"second\"\n  jetstream = { disk_storage = 1073741824 }\n  exports = []\n  force_destroy = true"
	w.CheckPlan(t, b.provider()+config(lines), plancheck.ExpectResourceAction(address, plancheck.ResourceActionUpdate),
		plancheck.ExpectKnownValue(address, tfjsonpath.New("pending"), knownvalue.Null()))
	third := apply(lines, updated)

	// Deleted behind Terraform's back: the same account comes back.
	if _, err := b.resolver.Delete(t.Context(), publicKey, newSigner(t, b.operator)); err != nil {
		t.Fatal(err)
	}
	w.CheckPlan(t, b.provider()+config(lines), plancheck.ExpectResourceAction(address, plancheck.ResourceActionUpdate),
		plancheck.ExpectUnknownValue(address, tfjsonpath.New("jwt")))
	fourth := apply(lines, updated)
	b.stored(t, publicKey)
	if second.Text("public_key") != publicKey || fourth.Text("public_key") != publicKey || second.Text("jwt") == "" ||
		third.Text("jwt") != second.Text("jwt") {
		t.Error("the key changed, or what is the same was signed again")
	}

	// It cannot become another one.
	w.Configure(t,
		b.provider()+config(fmt.Sprintf("name = \"second\"\n  public_key = %q", newKey(t, natsconn.AccountKey))))
	w.Refused(t, "Account Is Never Replaced", "apply", "-auto-approve")
	w.Configure(t, b.provider()+config(lines))
	b.destroyed(t, w)
}

// What another writer changed shows in the plan by its field, and is put back.
func TestAccAccountDrift(t *testing.T) {
	b := importing(t)
	k := newKeys(t)
	lines, want := full(t, k, false)
	n := int64(1)
	changes := map[string]func(*claims.Account){
		"name":        func(a *claims.Account) { a.Name = "changed" },
		"description": func(a *claims.Account) { a.Description = "" },
		"info_url":    func(a *claims.Account) { a.InfoURL = "https://example.org" },
		"tags":        func(a *claims.Account) { a.Tags = []string{"changed"} },
		"audience":    func(a *claims.Account) { a.Audience = "nobody" },
		"not_before":  func(a *claims.Account) { a.NotBefore = time.Time{} },
		"expires_at":  func(a *claims.Account) { a.Expires = time.Time{} },
		"limits":      func(a *claims.Account) { a.Limits.Connections = &n },
		"jetstream":   func(a *claims.Account) { a.JetStream.DiskStorage = &n },
		"exports":     func(a *claims.Account) { a.Exports = a.Exports[:1] },
		"imports":     func(a *claims.Account) { a.Imports[0].Name = "changed" },
		"signing_keys": func(a *claims.Account) {
			a.SigningKeys = append(a.SigningKeys, claims.SigningKey{PublicKey: k.importer})
		},
		"default_permissions": func(a *claims.Account) { a.DefaultPermissions.Publish.Allow = []string{">"} },
		"mappings":            func(a *claims.Account) { delete(a.Mappings, "old.*") },
		"revocations":         func(a *claims.Account) { delete(a.Revocations, k.revoked) },
		"authorization":       func(a *claims.Account) { a.Authorization.XKey = "" },
		"trace":               func(a *claims.Account) { a.Trace = nil },
		"cluster_traffic":     func(a *claims.Account) { a.ClusterTraffic = "system" },
	}
	w := acctest.NewInProcess(t, b.provider()+config(lines))
	w.Apply(t)
	fields := slices.Sorted(maps.Keys(changes))
	const plans = 3 // each with another third of the fields changed
	for third := range plans {
		was := func(i int) bool { return i%plans == third }
		b.change(t, k.identity, func(a *claims.Account) {
			for i, field := range fields {
				if was(i) {
					changes[field](a)
				}
			}
		})
		out, err := w.Run(t.Context(), "plan", "-detailed-exitcode")
		if err == nil {
			t.Error("the plan is empty")
		}
		for i, field := range fields {
			if changed(out, field) != was(i) {
				t.Errorf("that %s was changed is %t, and the plan shows:\n%s", field, was(i), out)
			}
		}
		b.change(t, k.identity, func(a *claims.Account) { *a = want })
	}
	b.change(t, k.identity, func(a *claims.Account) {
		for _, change := range changes {
			change(a)
		}
	})
	w.Apply(t)
	if left := want.Diff(b.stored(t, k.identity).Account); len(left) > 0 {
		t.Errorf("not put back: %v", left)
	}
	w.AssertEmptyPlan(t)
	w.Must(t, "destroy", "-auto-approve")
}

// changed tells whether a plan changes an attribute of the first level.
func changed(plan, attribute string) bool {
	return regexp.MustCompile(`(?m)^      [~+-] ` + attribute + ` `).MatchString(plan)
}

// Revocations that others add stay, whatever is configured.
func TestAccAccountKeepsForeignRevocations(t *testing.T) {
	b := single(t)
	own, foreign := newKey(t, natsconn.UserKey), newKey(t, natsconn.UserKey)
	at := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	w := acctest.NewInProcess(t, "")
	var publicKey string
	apply := func(lines string, keys ...string) (out string) {
		t.Helper()
		out = w.Converge(t, b.provider()+config(lines))
		publicKey = w.Stored(t, address).Text("public_key")
		got := b.stored(t, publicKey).Account.Revocations
		if len(got) != len(keys) {
			t.Errorf("revoked are %v", got)
		}
		for _, key := range keys {
			if key != "*" && !got[key].Equal(at) || got[key].IsZero() {
				t.Errorf("%s is revoked at %v", key, got[key])
			}
		}
		return out
	}
	revocation := fmt.Sprintf("\n  revocations = { %q = \"2025-01-01T00:00:00Z\" }", own)
	apply(`name = "a"`+revocation, own)
	b.change(t, publicKey, func(a *claims.Account) { a.Revocations[foreign] = at })
	if out := apply(`name = "a"`+revocation, own, foreign); !strings.Contains(out, "No changes.") {
		t.Errorf("the revocation of others shows:\n%s", out)
	}
	apply(`name = "b"`+revocation, own, foreign)
	apply(`name = "b"`, foreign)
	apply(`name = "c"`, foreign)
	// Which makes the other one superfluous.
	apply("name = \"c\"\n  revocations = { \"*\" = \"2025-02-01T00:00:00Z\" }", "*")
	b.destroyed(t, w)
}

// An account that is only signed needs no server, and is signed again only if it changes.
func TestAccAccountSignOnly(t *testing.T) {
	operator := newOperator(t)
	provider := acctest.ProviderConfig([]string{"nats://127.0.0.1:1"},
		fmt.Sprintf("operator = { signing_key = %q }", operator.SigningKeySeed()))
	w := acctest.NewInProcess(t, "")
	signed := func(lines string) string {
		t.Helper()
		w.Converge(t, provider+config(lines))
		return w.Stored(t, address).Text("jwt")
	}
	first := signed("name = \"a\"\n  push = false")
	if second := signed("name = \"a\"\n  push = false\n  force_destroy = true"); first == "" || second != first {
		t.Errorf("signed again without a change: %q, %q", first, second)
	}
	if third := signed("name = \"b\"\n  push = false"); third == "" || third == first {
		t.Errorf("not signed again: %q", third)
	}
	w.Configure(t, provider+config(`name = "b"`))
	w.Refused(t, "No system account credentials are configured", "apply", "-auto-approve")
	w.Configure(t, provider+config("name = \"b\"\n  push = false"))
	w.Must(t, "destroy", "-auto-approve")
}

func TestAccAccountProtection(t *testing.T) {
	b := single(t)
	w := acctest.NewInProcess(t, b.provider()+protected(`name = "a"`))
	w.Apply(t)
	w.Refused(t, `The plan would destroy the account "a"`, "destroy", "-auto-approve")
	w.Refused(t, "because -replace or replace_triggered_by requests it", "apply", "-auto-approve", "-replace="+address)
	w.Must(t, "taint", address)
	w.Refused(t, "cannot be deleted because deletion_protection is set", "apply", "-auto-approve")
	w.Must(t, "untaint", address)
	w.AssertEmptyPlan(t)
	w.Configure(t, b.provider())
	w.Refused(t, `The plan would destroy the account "a"`, "apply", "-auto-approve")

	w.Configure(t, b.provider()+config(`name = "a"`))
	w.Apply(t)
	b.destroyed(t, w)
}

// A configuration keeps its own form of what means the same to the servers.
func TestAccAccountKeepsForm(t *testing.T) {
	b := single(t)
	one, two := newKey(t, natsconn.AccountKey), newKey(t, natsconn.AccountKey)
	lines := fmt.Sprintf(`name = "a"
  tags         = []
  expires_at   = "2100-01-01T00:00:00+02:00"
  limits       = { payload = "1024KiB", data = -1, disallow_bearer = false }
  jetstream    = { disk_storage = "10240MiB", max_bytes_required = false }
  imports      = []
  exports      = [
    { subject = "z.>", type = "stream", revocations = {} },
    { subject = "a.>", type = "service", response_threshold = "60s" },
    { subject = "m", type = "stream", token_required = false },
  ]
  signing_keys = [{ public_key = %q }, { public_key = %q, scope = { role = "r", template = { payload = 1024 } } }]
  default_permissions = { publish = { allow = [], deny = [] } }
  mappings            = {}
`, max(one, two), min(one, two))
	w := acctest.NewInProcess(t, "")
	w.Converge(t, b.provider()+config(lines))
	b.destroyed(t, w)
}

// An account that has expired is not signed.
func TestAccAccountExpired(t *testing.T) {
	w := acctest.NewInProcess(t, acctest.ProviderConfig([]string{"nats://127.0.0.1:1"})+config("name = \"a\"\n  expires_at = \"2020-01-01T00:00:00Z\""))
	w.Refused(t, `The account "a" expired at 2020-01-01T00:00:00Z`, "plan")
}

// The servers' resolver decides what can be done; what it cannot is said with the remedy.
func TestAccAccountResolvers(t *testing.T) {
	t.Run("memory", func(t *testing.T) {
		b := single(t, natslab.ResolverMode(natslab.Resolver{Type: natslab.MemoryResolver}))
		w := acctest.NewInProcess(t, b.provider()+config(`name = "a"`))
		w.Refused(t, "The servers store no accounts that are pushed", "apply", "-auto-approve")
		w.Converge(t, b.provider()+config("name = \"a\"\n  push = false"))
		w.Must(t, "destroy", "-auto-approve")
	})
	t.Run("no deletion", func(t *testing.T) {
		b := single(t, natslab.ResolverMode(natslab.Resolver{NoDelete: true}))
		w := acctest.NewInProcess(t, b.provider()+config(`name = "a"`))
		w.Apply(t)
		w.Refused(t, "set allow_delete: true in its resolver", "destroy", "-auto-approve")
		w.AssertEmptyPlan(t) // the account is still known
	})
}
