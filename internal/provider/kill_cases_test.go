package provider_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
	"github.com/nats-k3s/terraform-provider-nats/internal/resolver"
)

// config is an abbreviation.
type config = acctest.Config

// operatorLab is a server in operator mode that is killed, with one existing account.
type operatorLab struct {
	*killLab
	operator *natslab.Operator
	tenant   *natslab.OperatorAccount
	system   string
}

func newOperatorLab(t *testing.T) *operatorLab {
	t.Helper()
	operator := newOperator(t)
	tenant, err := operator.AddAccount("tenant", nil)
	if err != nil {
		t.Fatal(err)
	}
	system, err := operator.SystemAccount().Credentials("terraform", nil)
	if err != nil {
		t.Fatal(err)
	}
	return &operatorLab{killLab: newKillLab(t, natslab.OperatorMode(operator)), operator: operator, tenant: tenant,
		system: system}
}

// provider returns a provider that manages accounts and works in the tenant's account.
func (l *operatorLab) provider() config {
	return config{
		"servers": []any{l.proxy.ClientURL()}, "request_timeout": "5s",
		"operator": config{"signing_key": l.operator.SigningKeySeed(), "system_credentials": l.system},
		"accounts": config{"signing_key": l.tenant.SigningKeySeed()},
	}
}

// stored returns an account as the server has it, or nil if the server does not have it.
func (l *operatorLab) stored(t *testing.T, publicKey string) *claims.Account {
	t.Helper()
	client := natsconn.NewClient(natsconn.Settings{Servers: []string{l.server.ClientURL()},
		Auth: natsconn.Auth{Credentials: l.system}}, nil)
	defer client.Close()
	found, err := resolver.New(client, claims.SystemClock{}).Lookup(t.Context(), publicKey)
	if err != nil {
		return nil
	}
	return found.Account
}

// steps returns the operations of one instance: a creation and updates to the given configurations.
func steps(i *acctest.Instance, provider func() config, check func(*testing.T), configs ...config) []operation {
	var operations []operation
	for n, c := range configs {
		name := "create"
		if n > 0 {
			name = fmt.Sprintf("update %d", n)
		}
		operations = append(operations, operation{
			name: name, instance: i,
			run:   func(t *testing.T) []acctest.Diagnostic { return i.Apply(t, provider(), c) },
			check: func(t *testing.T) { converged(t, i, provider(), c); check(t) },
		})
		if n == 0 {
			operations = append(operations,
				operation{name: "refresh", run: func(t *testing.T) []acctest.Diagnostic { return i.Refresh(t, provider()) },
					check: func(t *testing.T) { converged(t, i, provider(), c); check(t) }})
		}
	}
	return operations
}

// converged fails the test unless the instance equals its configuration and was never tainted.
func converged(t *testing.T, i *acctest.Instance, provider, c config) {
	t.Helper()
	if i.Tainted {
		t.Error("it is tainted")
	}
	if action, found := i.Plan(t, provider, c); action != acctest.ActionNone || acctest.Failed(found) {
		t.Errorf("the plan is not empty: %s, %v\n%v", action, found, i.Attributes(t))
	}
}

// destroy returns the destruction of an instance.
func destroy(i *acctest.Instance, provider func() config, check func(*testing.T)) operation {
	return operation{name: "delete", instance: i,
		run: func(t *testing.T) []acctest.Diagnostic { return i.Apply(t, provider(), nil) }, check: check}
}

func killedAccount(t *testing.T) killed {
	lab := newOperatorLab(t)
	return killed{name: "nats_account", lab: lab.killLab, prepare: func(t *testing.T, name string) *life {
		i := acctest.NewInstance(t, "nats_account")
		first := config{"name": name, "deletion_protection": false, "jetstream": config{"disk_storage": "1MiB", "streams": 2}}
		second := config{"name": name, "deletion_protection": false,
			"jetstream": config{"disk_storage": "2MiB", "streams": 2}, "description": "changed"}
		var publicKey string
		has := func(t *testing.T) {
			publicKey = i.Attributes(t).Text("public_key")
			if a := lab.stored(t, publicKey); a == nil || a.Name != name ||
				a.Description != i.Attributes(t).Text("description") {
				t.Errorf("the server has %+v", a)
			}
		}
		return &life{operations: append(steps(i, lab.provider, has, first, second), destroy(i, lab.provider, func(t *testing.T) {
			if a := lab.stored(t, publicKey); a != nil {
				t.Errorf("the server still has %s", a.Name)
			}
		}))}
	}}
}

// killedStreams is the destruction of an account together with its streams.
func killedStreams(t *testing.T) killed {
	lab := newOperatorLab(t)
	return killed{name: "nats_account with streams", lab: lab.killLab, prepare: func(t *testing.T, name string) *life {
		i, bucket := acctest.NewInstance(t, "nats_account"), acctest.NewInstance(t, "nats_kine_bucket")
		var publicKey string
		return &life{operations: []operation{
			{name: "create", setup: true, run: func(t *testing.T) []acctest.Diagnostic {
				found := i.Apply(t, lab.provider(), config{"name": name, "deletion_protection": false, "force_destroy": true,
					"jetstream": config{"disk_storage": "1MiB", "streams": 2}})
				if acctest.Failed(found) {
					return found
				}
				publicKey = i.Attributes(t).Text("public_key")
				return bucket.Apply(t, lab.provider(), config{"account": publicKey, "deletion_protection": false})
			}},
			destroy(i, lab.provider, func(t *testing.T) {
				if a := lab.stored(t, publicKey); a != nil {
					t.Errorf("the server still has %s", a.Name)
				}
			}),
		}}
	}}
}

// killedUser is the revocation of a user.
func killedUser(t *testing.T) killed {
	lab := newOperatorLab(t)
	return killed{name: "nats_user", lab: lab.killLab, prepare: func(t *testing.T, name string) *life {
		i, user := acctest.NewInstance(t, "nats_account"), acctest.NewInstance(t, "nats_user")
		var publicKey, revoked string
		return &life{
			operations: []operation{
				{name: "create", setup: true, run: func(t *testing.T) []acctest.Diagnostic {
					found := i.Apply(t, lab.provider(), config{"name": name, "deletion_protection": false})
					if acctest.Failed(found) {
						return found
					}
					publicKey = i.Attributes(t).Text("public_key")
					found = user.Apply(t, lab.provider(), config{"account": publicKey, "name": name})
					revoked = user.Attributes(t).Text("public_key")
					return found
				}},
				destroy(user, lab.provider, func(t *testing.T) {
					if a := lab.stored(t, publicKey); a == nil || a.Revocations[revoked].IsZero() {
						t.Errorf("the server has %+v, without the revocation of %s", a, revoked)
					}
				}),
			},
			end: func(t *testing.T) {
				if found := i.Apply(t, lab.provider(), nil); acctest.Failed(found) {
					t.Error(found)
				}
			},
		}
	}}
}

// killedBucket is a bucket in an account in which the provider creates its users.
func killedBucket(t *testing.T) killed {
	lab := newOperatorLab(t)
	return killed{name: "nats_kine_bucket", lab: lab.killLab, prepare: func(t *testing.T, name string) *life {
		i := acctest.NewInstance(t, "nats_kine_bucket")
		with := func(more config) config {
			more["name"], more["account"], more["deletion_protection"] = name, lab.tenant.PublicKey(), false
			return more
		}
		operations := steps(i, lab.provider, func(*testing.T) {}, with(config{}), with(config{"history": 12}),
			with(config{"history": 12, "fenced": true}))
		fill := operation{name: "fill", setup: true,
			run: func(t *testing.T) []acctest.Diagnostic { fill(t, lab.killLab, name); return nil }}
		operations = slices.Insert(operations, 1, fill)
		for n := range operations[2:] {
			check := operations[2+n].check
			operations[2+n].check = func(t *testing.T) { check(t); filled(t, lab.killLab, name) }
		}
		return &life{operations: append(operations,
			destroy(i, lab.provider, func(t *testing.T) { gone(t, lab.killLab, name) }))}
	}}
}

// hubLab is a hub and a leaf node whose server is killed.
type hubLab struct {
	*killLab
	hub *natslab.ServerProcess
}

func newHubLab(t *testing.T) *hubLab {
	t.Helper()
	hub := natslab.Process(t, natslab.Name("hub"), natslab.Domain("hub"), natslab.LeafNodes())
	leaf := newKillLab(t, natslab.Name("leaf"), natslab.Domain("leaf"),
		natslab.LeafRemotes(natslab.LeafRemote{URLs: []string{hub.LeafNodeURL()}, IgnoreDiscoveredServers: true}))
	lab := &hubLab{killLab: leaf, hub: hub}
	client := natsconn.NewClient(natsconn.Settings{Servers: []string{hub.ClientURL()}}, nil)
	defer client.Close()
	if _, err := kine.Create(t.Context(), client.JetStream(""), kine.Spec{Name: "source", History: 10, Replicas: 1},
		nil); err != nil {
		t.Fatal(err)
	}
	fill(t, &killLab{server: hub}, "source")
	lab.ready = func(t *testing.T) { leaf.server.AwaitDomain(t, "hub") }
	return lab
}

func (l *hubLab) provider() config {
	return config{"servers": []any{l.proxy.ClientURL()}, "request_timeout": "5s"}
}

func sourceOf() config { return config{"bucket": "source", "jetstream_domain": "hub"} }

func killedMirror(t *testing.T) killed {
	lab := newHubLab(t)
	return killed{name: "nats_kv_mirror", lab: lab.killLab, prepare: lab.mirror}
}

// killedSource is a mirror. The server of its source is killed, not its own.
func killedSource(t *testing.T) killed {
	lab := newHubLab(t)
	source := &killLab{server: lab.hub, proxy: lab.proxy, ready: lab.ready}
	return killed{name: "nats_kv_mirror, source killed", lab: source, prepare: lab.mirror}
}

func (l *hubLab) mirror(t *testing.T, name string) *life {
	i := acctest.NewInstance(t, "nats_kv_mirror")
	with := func(protected bool) config {
		return config{"name": name, "source": sourceOf(), "deletion_protection": protected}
	}
	has := func(t *testing.T) { filled(t, l.killLab, name) }
	return &life{operations: append(steps(i, l.provider, has, with(true), with(false)),
		destroy(i, l.provider, func(t *testing.T) { gone(t, l.killLab, name) }))}
}

func killedRestore(t *testing.T) killed {
	lab := newHubLab(t)
	return killed{name: "nats_kine_bucket, restore_from", lab: lab.killLab, prepare: func(t *testing.T, name string) *life {
		i := acctest.NewInstance(t, "nats_kine_bucket")
		c := config{"name": name, "restore_from": sourceOf(), "deletion_protection": false}
		return &life{operations: append(steps(i, lab.provider, func(t *testing.T) { filled(t, lab.killLab, name) }, c),
			destroy(i, lab.provider, func(t *testing.T) { gone(t, lab.killLab, name) }))}
	}}
}

// killedEndpoint is an endpoint that is verified on a bucket.
func killedEndpoint(verify string) func(t *testing.T) killed {
	return func(t *testing.T) killed {
		lab := newKillLab(t)
		js := natsconn.NewClient(natsconn.Settings{Servers: []string{lab.server.ClientURL()}}, nil)
		defer js.Close()
		if _, err := kine.Create(t.Context(), js.JetStream(""), kine.Spec{Name: "kine", History: 10, Replicas: 1},
			nil); err != nil {
			t.Fatal(err)
		}
		provider := func() config { return config{"servers": []any{lab.proxy.ClientURL()}, "request_timeout": "5s"} }
		return killed{name: "nats_k3s_datastore_endpoint " + verify, lab: lab, prepare: func(t *testing.T, _ string) *life {
			i := acctest.NewInstance(t, "nats_k3s_datastore_endpoint")
			with := func(slow any) config {
				return config{"servers": []any{lab.proxy.ClientURL()}, "verify": verify, "slow_method": slow,
					"datastore": config{"name": "kine", "history": 10, "replicas": 1}}
			}
			configs := []config{with(nil)}
			if verify == "contract" {
				configs = append(configs, with("1s"))
			}
			return &life{operations: steps(i, provider, func(*testing.T) {}, configs...)}
		}}
	}
}

// killedData is a data source.
func killedData(name string, lab *killLab, provider func() config, c config, has string) killed {
	return killed{name: "data " + name, lab: lab, prepare: func(*testing.T, string) *life {
		return &life{operations: []operation{{name: "read", run: func(t *testing.T) []acctest.Diagnostic {
			attributes, found := acctest.ReadDataSourceWith(t, provider(), name, c)
			if !acctest.Failed(found) && attributes[has] == nil {
				t.Errorf("%s is null", has)
			}
			return found
		}}}}
	}}
}

func killedAccountData(t *testing.T) killed {
	lab := newOperatorLab(t)
	return killedData("nats_account", lab.killLab, lab.provider, config{"public_key": lab.tenant.PublicKey()}, "usage")
}

func killedAccountsData(t *testing.T) killed {
	lab := newOperatorLab(t)
	return killedData("nats_accounts", lab.killLab, lab.provider, config{}, "accounts")
}

func killedMirrorData(t *testing.T) killed {
	lab := newHubLab(t)
	i := acctest.NewInstance(t, "nats_kv_mirror")
	if found := i.Apply(t, lab.provider(), config{"name": "copy", "source": sourceOf()}); acctest.Failed(found) {
		t.Fatal(found)
	}
	return killedData("nats_kv_mirror", lab.killLab, lab.provider, config{"name": "copy"}, "source_revision")
}

// killedAll are all resources and data sources that contact servers.
func killedAll() map[string]func(t *testing.T) killed {
	return map[string]func(t *testing.T) killed{
		"nats_account": killedAccount, "streams": killedStreams, "nats_user": killedUser, "nats_kine_bucket": killedBucket,
		"nats_kv_mirror": killedMirror,
		"source":         killedSource, "restore": killedRestore, "contract": killedEndpoint("contract"),
		"etcd":         killedEndpoint("etcd"),
		"account data": killedAccountData, "accounts data": killedAccountsData, "mirror data": killedMirrorData,
	}
}

// fill writes a message to a bucket. The message must not be lost.
func fill(t *testing.T, lab *killLab, name string) {
	t.Helper()
	nc := lab.server.Connect(t)
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err == nil {
		msg := nats.NewMsg(kine.KeySubject(name, "x"))
		msg.Header.Set("KV-Operation", "DEL") // which KINE writes too, and starts on
		_, err = js.PublishMsg(t.Context(), msg)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// filled fails the test unless a stream has that message.
func filled(t *testing.T, lab *killLab, name string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	nc := lab.server.Connect(t)
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := js.Stream(ctx, kine.StreamName(name))
	if err == nil && stream.CachedInfo().State.Msgs != 1 {
		err = fmt.Errorf("it has %d messages", stream.CachedInfo().State.Msgs)
	}
	if err != nil {
		t.Errorf("what was in %s is lost: %v", name, err)
	}
}

// gone fails the test if a server still has a stream.
func gone(t *testing.T, lab *killLab, name string) {
	t.Helper()
	nc := lab.server.Connect(t)
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.Stream(t.Context(), kine.StreamName(name)); err == nil {
		t.Errorf("the server still has %s", name)
	}
}
