package provider_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// protectedTypes are the resources with deletion_protection. Each must be in one of the tests of this file.
var protectedTypes = []string{"nats_account", "nats_kine_bucket", "nats_kv_mirror"}

func TestProtectedTypes(t *testing.T) {
	var found []string
	for name, schema := range acctest.Schemas(t).ResourceSchemas {
		for _, a := range schema.Block.Attributes {
			if a.Name == "deletion_protection" {
				found = append(found, name)
			}
		}
	}
	slices.Sort(found)
	if !slices.Equal(found, protectedTypes) {
		t.Errorf("protected are %v, and tested are %v", found, protectedTypes)
	}
}

// Protected buckets and mirrors that were deleted outside Terraform are planned and created again, however they came
// into the state.
func TestAccCLIProtectedStreamIsGone(t *testing.T) {
	t.Parallel()
	lab := natslab.HubAndLeaf(t)
	hub, leaf := lab.Hub.Connect(t), lab.Leaf.Connect(t)
	makeBucket := func(servers []string, name string) {
		t.Helper()
		client := natsconn.NewClient(natsconn.Settings{Servers: servers}, nil)
		t.Cleanup(client.Close)
		if _, err := kine.Create(t.Context(), client.JetStream(""), kine.Spec{Name: name, History: 10, Replicas: 1},
			nil); err != nil {
			t.Fatal(err)
		}
	}
	makeBucket(lab.Hub.URLs(), "kine")
	if _, err := hub.RequestMsg(acctest.DeleteMarker(t, "kine", "/registry/health", 4),
		natsconn.DefaultRequestTimeout); err != nil {
		t.Fatal(err)
	}
	makeBucket(lab.Leaf.URLs(), "found")
	js, err := jetstream.New(leaf)
	if err != nil {
		t.Fatal(err)
	}

	w := acctest.NewInProcess(t, acctest.ProviderConfig(lab.Leaf.URLs())+`
resource "nats_kine_bucket" "test" {
  name = "gone"
}
resource "nats_kine_bucket" "each" {
  for_each = toset(["a", "b"])
  name     = each.key
}
import {
  to = nats_kine_bucket.imported
  id = "found"
}
resource "nats_kine_bucket" "imported" {
  name = "found"
}
resource "nats_kine_bucket" "restored" {
  name         = "restored"
  restore_from = { bucket = "kine", jetstream_domain = "hub" }
}
resource "nats_kv_mirror" "test" {
  source = { bucket = "kine", jetstream_domain = "hub" }
}
`)
	w.Apply(t)
	w.AssertEmptyPlan(t)
	streams := []string{"KV_gone", "KV_a", "KV_b", "KV_found", "KV_restored", "KV_kine"}
	for _, stream := range streams {
		if err := js.DeleteStream(t.Context(), stream); err != nil {
			t.Fatal(err)
		}
	}

	w.Must(t, "plan", "-refresh=false", "-detailed-exitcode")
	w.Refused(t, "Is Protected", "plan", "-refresh=false", "-destroy")
	out := w.Apply(t)
	if !strings.Contains(out, "6 added, 0 changed, 0 destroyed") {
		t.Errorf("the apply says\n%s", out)
	}
	for _, text := range []string{
		"Without restore_from in the configuration, an apply creates a new, empty bucket", "KV Mirror No Longer Exists",
		`An apply creates it again from bucket kine in the JetStream domain "hub"`,
	} {
		if !acctest.Text(text).MatchString(out) {
			t.Errorf("no %q in\n%s", text, out)
		}
	}
	w.AssertEmptyPlan(t)
	restored, err := js.Stream(t.Context(), "KV_restored")
	if err != nil || restored.CachedInfo().State.Msgs != 1 {
		t.Errorf("the restored bucket is not as its source: %v", err)
	}

	// They are protected again.
	for _, address := range []string{
		"nats_kine_bucket.test", `nats_kine_bucket.each["a"]`, "nats_kine_bucket.imported", "nats_kine_bucket.restored",
		"nats_kv_mirror.test",
	} {
		w.Refused(t, "Is Protected", "plan", "-replace="+address)
	}

	// Deleted permanently: nothing is left to destroy.
	for _, stream := range streams {
		if err := js.DeleteStream(t.Context(), stream); err != nil {
			t.Fatal(err)
		}
	}
	w.Must(t, "destroy", "-auto-approve")
}

// A protected account that the servers no longer have is pushed again.
func TestAccCLIProtectedAccountIsGone(t *testing.T) {
	t.Parallel()
	operator := newOperator(t)
	s := newSystem(t, operator, natslab.Single(t, natslab.OperatorMode(operator)).URLs())
	w := acctest.NewInProcess(t, s.provider()+`
resource "nats_account" "test" {
  for_each = toset(["a"])
  name     = each.key
}
output "account" {
  value = nats_account.test["a"].public_key
}
`)
	w.Apply(t)
	publicKey := output(t, w, "account")
	signer, err := claims.NewOperatorSigner(operator.SigningKeySeed())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(signer.Close)
	if _, err := s.resolver(t).Delete(t.Context(), publicKey, signer); err != nil {
		t.Fatal(err)
	}
	if out := w.Apply(t); !acctest.Text("Account No Longer Exists").MatchString(out) ||
		!strings.Contains(out, "0 added, 1 changed, 0 destroyed") {
		t.Errorf("the apply says\n%s", out)
	}
	w.AssertEmptyPlan(t)
	w.Refused(t, "Is Protected", "plan", fmt.Sprintf("-replace=nats_account.test[%q]", "a"))
}
