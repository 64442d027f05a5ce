package account_test

import (
	"strings"
	"testing"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// Imports that servers leave out are named, on a single server and in a cluster, and those that have an effect are not.
func TestAccAccountImportsWithoutEffect(t *testing.T) {
	operator := newOperator(t)
	for name, b := range map[string]*bench{
		"single server": single(t),
		"cluster":       newBench(t, operator, natslab.Cluster(t, 3, natslab.OperatorMode(operator)).URLs()),
	} {
		t.Run(name, func(t *testing.T) {
			p := acctest.NewProvider(t, acctest.Config{
				"servers":  []any{b.urls[0]},
				"operator": acctest.Config{"signing_key": b.operator.SigningKeySeed(), "system_credentials": b.system},
			})
			made := func(config acctest.Config) (key, said string) {
				t.Helper()
				config["deletion_protection"] = false
				account, found := p.Apply(t, "nats_account", acctest.State{}, config)
				if len(acctest.Failures(found)) > 0 {
					t.Fatalf("%+v", found)
				}
				for _, d := range found {
					said += d.Path + ": " + d.Text + "\n"
				}
				key, _ = p.Attributes(t, "nats_account", account)["public_key"].(string)
				return key, said
			}
			exporter, _ := made(acctest.Config{"name": "exporter", "exports": []any{
				acctest.Config{"type": "service", "subject": "priv.>", "token_required": true},
				acctest.Config{"type": "service", "subject": "ask.*"}, acctest.Config{"type": "stream", "subject": "events.>"},
			}})
			imported := func(kind, subject, local string) acctest.Config {
				config := acctest.Config{"type": kind, "account": exporter, "subject": subject}
				if local != "" {
					config["local_subject"] = local
				}
				return config
			}
			good := []any{
				imported("service", "ask.*", "my.$1"), imported("service", "ask.time", ""), imported("stream", "events.>", "their.events.>"),
				imported("stream", "events.one", ""),
			}
			if _, said := made(acctest.Config{"name": "good", "imports": good}); said != "" {
				t.Errorf("imports that have an effect are warned of: %s", said)
			}
			_, said := made(acctest.Config{"name": "importer", "imports": append([]any{
				imported("service", "priv.a", ""), imported("service", "nothing", ""), imported("service", "events.two", ""),
			}, good...)})
			for _, subject := range []string{"priv.a", "nothing", "events.two"} {
				if !strings.Contains(said, `the service "`+subject+`" of the account `+exporter) {
					t.Errorf("%s is not named: %s", subject, said)
				}
			}
			if !strings.HasPrefix(said, "imports: Imports Have No Effect\n") || strings.Count(said, "\n- ") != 3 {
				t.Errorf("it says: %s", said)
			}
		})
	}
}
