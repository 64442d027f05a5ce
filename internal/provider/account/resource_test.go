package account_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/compare"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/nats-k3s/terraform-provider-nats/internal/account"
	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// preApply is a check of the plan of a step.
func preApply(checks ...plancheck.PlanCheck) resource.ConfigPlanChecks {
	return resource.ConfigPlanChecks{PreApply: checks}
}

func TestAccAccountLifecycle(t *testing.T) {
	b := single(t)
	var publicKey string
	sameKey := statecheck.CompareValue(compare.ValuesSame())
	sameJWT := statecheck.CompareValue(compare.ValuesSame())
	update := preApply(plancheck.ExpectResourceAction(address, plancheck.ResourceActionUpdate))

	acctest.Run(t, resource.TestCase{
		CheckDestroy: b.none(),
		Steps: []resource.TestStep{
			{ // an identity is generated
				Config: b.provider() + config(`name = "first"`),
				Check:  publicKeyOf(&publicKey),
				ConfigStateChecks: []statecheck.StateCheck{
					sameKey.AddStateValue(address, tfjsonpath.New("public_key")),
					statecheck.ExpectKnownValue(address, tfjsonpath.New("push"), knownvalue.Bool(true)),
					statecheck.ExpectKnownValue(address, tfjsonpath.New("pending"), knownvalue.Null()),
				},
			},
			{ // a change of the claims is pushed in place
				PreConfig: func() {
					if got := b.stored(t, publicKey).Account; got.Name != "first" || got.JetStream != nil || got.Limits.Connections != nil {
						t.Errorf("the servers have %+v", got)
					}
				},
				Config:           b.provider() + config("name = \"second\"\n  jetstream = { disk_storage = \"1GiB\" }"),
				ConfigPlanChecks: update,
				ConfigStateChecks: []statecheck.StateCheck{
					sameKey.AddStateValue(address, tfjsonpath.New("public_key")),
					sameJWT.AddStateValue(address, tfjsonpath.New("jwt")),
				},
			},
			{ // what is no claim is not signed again, nor is another form of the same
				PreConfig: func() {
					if got := b.stored(t, publicKey).Account; got.Name != "second" || got.JetStream == nil || *got.JetStream.DiskStorage != 1<<30 {
						t.Errorf("the servers have %+v", got)
					}
				},
				Config: b.provider() + config("name = \"second\"\n  jetstream = { disk_storage = 1073741824 }\n  exports = []\n  force_destroy = true"),
				ConfigPlanChecks: preApply(
					plancheck.ExpectResourceAction(address, plancheck.ResourceActionUpdate),
					plancheck.ExpectKnownValue(address, tfjsonpath.New("pending"), knownvalue.Null()),
				),
				ConfigStateChecks: []statecheck.StateCheck{sameJWT.AddStateValue(address, tfjsonpath.New("jwt"))},
			},
			{ // deleted behind Terraform's back: the same account comes back
				PreConfig: func() {
					if _, err := b.resolver.Delete(t.Context(), publicKey, newSigner(t, b.operator)); err != nil {
						t.Fatal(err)
					}
				},
				Config: b.provider() + config("name = \"second\"\n  jetstream = { disk_storage = 1073741824 }\n  exports = []\n  force_destroy = true"),
				ConfigPlanChecks: preApply(
					plancheck.ExpectResourceAction(address, plancheck.ResourceActionUpdate), plancheck.ExpectUnknownValue(address, tfjsonpath.New("jwt")),
				),
				ConfigStateChecks: []statecheck.StateCheck{sameKey.AddStateValue(address, tfjsonpath.New("public_key"))},
			},
			{ // it cannot become another one
				PreConfig:   func() { b.stored(t, publicKey) },
				Config:      b.provider() + config(fmt.Sprintf("name = \"second\"\n  public_key = %q", newKey(t, natsconn.AccountKey))),
				ExpectError: acctest.Text("Account Cannot Be Changed"),
			},
		},
	})
}

// What another writer changed shows in the plan by its field, and is put back.
func TestAccAccountDrift(t *testing.T) {
	b := single(t)
	k := newKeys(t)
	lines, want := full(t, k, false)
	n := int64(1)
	changes := map[string]func(*account.Account){
		"name":        func(a *account.Account) { a.Name = "changed" },
		"description": func(a *account.Account) { a.Description = "" },
		"info_url":    func(a *account.Account) { a.InfoURL = "https://example.org" },
		"tags":        func(a *account.Account) { a.Tags = []string{"changed"} },
		"audience":    func(a *account.Account) { a.Audience = "nobody" },
		"not_before":  func(a *account.Account) { a.NotBefore = time.Time{} },
		"expires_at":  func(a *account.Account) { a.Expires = time.Time{} },
		"limits":      func(a *account.Account) { a.Limits.Connections = &n },
		"jetstream":   func(a *account.Account) { a.JetStream.DiskStorage = &n },
		"exports":     func(a *account.Account) { a.Exports = a.Exports[:1] },
		"imports":     func(a *account.Account) { a.Imports[0].Name = "changed" },
		"signing_keys": func(a *account.Account) {
			a.SigningKeys = append(a.SigningKeys, account.SigningKey{PublicKey: k.importer})
		},
		"default_permissions": func(a *account.Account) { a.DefaultPermissions.Publish.Allow = []string{">"} },
		"mappings":            func(a *account.Account) { delete(a.Mappings, "old.*") },
		"revocations":         func(a *account.Account) { delete(a.Revocations, k.revoked) },
		"authorization":       func(a *account.Account) { a.Authorization.XKey = "" },
		"trace":               func(a *account.Account) { a.Trace = nil },
		"cluster_traffic":     func(a *account.Account) { a.ClusterTraffic = "system" },
	}
	w := acctest.NewWorkspace(t, b.provider()+config(lines))
	w.Apply(t)
	fields := slices.Sorted(maps.Keys(changes))
	const plans = 3 // each with another third of the fields changed
	for third := range plans {
		was := func(i int) bool { return i%plans == third }
		b.change(t, k.identity, func(a *account.Account) {
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
		b.change(t, k.identity, func(a *account.Account) { *a = want })
	}
	b.change(t, k.identity, func(a *account.Account) {
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
	var publicKey string
	revoked := func(keys ...string) func() {
		return func() {
			t.Helper()
			got := b.stored(t, publicKey).Account.Revocations
			if len(got) != len(keys) {
				t.Errorf("revoked are %v", got)
			}
			for _, key := range keys {
				if !got[key].Equal(at) {
					t.Errorf("%s is revoked at %v", key, got[key])
				}
			}
		}
	}
	revocation := fmt.Sprintf(`revocations = { %q = "2025-01-01T00:00:00Z" }`, own)
	acctest.Run(t, resource.TestCase{
		CheckDestroy: b.none(),
		Steps: []resource.TestStep{
			{Config: b.provider() + config("name = \"a\"\n  "+revocation), Check: publicKeyOf(&publicKey)},
			{
				PreConfig: func() {
					b.change(t, publicKey, func(a *account.Account) { a.Revocations[foreign] = at })
				},
				Config:           b.provider() + config("name = \"a\"\n  "+revocation),
				ConfigPlanChecks: preApply(plancheck.ExpectEmptyPlan()),
			},
			{PreConfig: revoked(own, foreign), Config: b.provider() + config("name = \"b\"\n  "+revocation)},
			{PreConfig: revoked(own, foreign), Config: b.provider() + config("name = \"b\"")},
			{PreConfig: revoked(foreign), Config: b.provider() + config("name = \"c\"")},
			{PreConfig: revoked(foreign), Config: b.provider() + config("name = \"c\"\n  revocations = { \"*\" = \"2025-02-01T00:00:00Z\" }")},
			{ // which the one for all has made superfluous
				PreConfig: func() {
					if got := b.stored(t, publicKey).Account.Revocations; len(got) != 1 || got["*"].IsZero() {
						t.Errorf("revoked are %v", got)
					}
				},
				Config: b.provider() + config("name = \"c\"\n  revocations = { \"*\" = \"2025-02-01T00:00:00Z\" }"), PlanOnly: true,
			},
		},
	})
}

// An account that is only signed needs no server, and is signed again only if it changes.
func TestAccAccountSignOnly(t *testing.T) {
	operator := newOperator(t)
	provider := acctest.ProviderConfig([]string{"nats://127.0.0.1:1"}, fmt.Sprintf("operator = { signing_key = %q }", operator.SigningKeySeed()))
	same := statecheck.CompareValue(compare.ValuesSame())
	differ := statecheck.CompareValue(compare.ValuesDiffer())
	acctest.Run(t, resource.TestCase{Steps: []resource.TestStep{
		{
			Config:            provider + config("name = \"a\"\n  push = false"),
			ConfigStateChecks: []statecheck.StateCheck{same.AddStateValue(address, tfjsonpath.New("jwt")), differ.AddStateValue(address, tfjsonpath.New("jwt"))},
		},
		{
			Config:            provider + config("name = \"a\"\n  push = false\n  force_destroy = true"),
			ConfigStateChecks: []statecheck.StateCheck{same.AddStateValue(address, tfjsonpath.New("jwt"))},
		},
		{
			Config:            provider + config("name = \"b\"\n  push = false"),
			ConfigStateChecks: []statecheck.StateCheck{differ.AddStateValue(address, tfjsonpath.New("jwt"))},
		},
		{
			Config:      provider + config(`name = "b"`),
			ExpectError: acctest.Text("No credentials of a user of the system account are configured"),
		},
	}})
}

func TestAccAccountProtection(t *testing.T) {
	b := single(t)
	w := acctest.NewWorkspace(t, b.provider()+protected(`name = "a"`))
	w.Apply(t)
	refused := func(want string, args ...string) {
		t.Helper()
		if out, err := w.Run(t.Context(), args...); err == nil || !acctest.Text(want).MatchString(out) {
			t.Errorf("%v: %v\n%s", args, err, out)
		}
	}
	refused("The plan would destroy the Account", "destroy", "-auto-approve")
	refused("The plan would replace the Account", "apply", "-auto-approve", "-replace="+address)
	w.Must(t, "taint", address)
	refused("was to be deleted although deletion_protection is set", "apply", "-auto-approve")
	w.Must(t, "untaint", address)
	w.AssertEmptyPlan(t)
	w.Configure(t, b.provider())
	refused("The plan would destroy the Account", "apply", "-auto-approve")

	w.Configure(t, b.provider()+config(`name = "a"`))
	w.Apply(t)
	w.Must(t, "destroy", "-auto-approve")
	if err := b.none()(nil); err != nil {
		t.Error(err)
	}
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
	acctest.Run(t, resource.TestCase{
		CheckDestroy: b.none(),
		Steps: []resource.TestStep{
			{Config: b.provider() + config(lines)}, // ends with an empty plan, after a refresh
			{
				RefreshState: true, RefreshPlanChecks: resource.RefreshPlanChecks{PostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}},
			},
		},
	})
}

// An account that has expired is not signed.
func TestAccAccountExpired(t *testing.T) {
	acctest.Run(t, resource.TestCase{Steps: []resource.TestStep{{
		Config:      acctest.ProviderConfig([]string{"nats://127.0.0.1:1"}) + config("name = \"a\"\n  expires_at = \"2020-01-01T00:00:00Z\""),
		PlanOnly:    true,
		ExpectError: acctest.Text(`The account "a" has expired at 2020-01-01T00:00:00Z`),
	}}})
}

// The servers' resolver decides what can be done; what it cannot is said with the remedy.
func TestAccAccountResolvers(t *testing.T) {
	for name, c := range map[string]struct {
		resolver natslab.Resolver
		want     string
	}{
		"memory": {natslab.Resolver{Type: natslab.MemoryResolver}, "The servers store no accounts that are pushed"},
	} {
		t.Run(name, func(t *testing.T) {
			b := single(t, natslab.ResolverMode(c.resolver))
			acctest.Run(t, resource.TestCase{Steps: []resource.TestStep{
				{Config: b.provider() + config(`name = "a"`), ExpectError: acctest.Text(c.want)},
				{Config: b.provider() + config("name = \"a\"\n  push = false")},
			}})
		})
	}
	t.Run("no deletion", func(t *testing.T) {
		b := single(t, natslab.ResolverMode(natslab.Resolver{NoDelete: true}))
		w := acctest.NewWorkspace(t, b.provider()+config(`name = "a"`))
		w.Apply(t)
		out, err := w.Run(t.Context(), "destroy", "-auto-approve")
		if err == nil || !acctest.Text("set allow_delete: true in its resolver").MatchString(out) {
			t.Errorf("%v\n%s", err, out)
		}
		w.AssertEmptyPlan(t) // the account is still known
	})
}
