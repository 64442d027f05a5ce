package provider_test

import (
	"errors"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"sigs.k8s.io/yaml"

	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
	"github.com/nats-k3s/terraform-provider-nats/internal/etcdtest"
	"github.com/nats-k3s/terraform-provider-nats/internal/kinelab"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
)

// arrival limits the time until a message arrives.
const arrival = time.Minute

// nodeCredentials is the path of the credentials on the nodes of the examples, as an endpoint contains it.
var nodeCredentials = url.QueryEscape("/etc/rancher/k3s/nats.creds")

// runsKINE starts KINE with the files of a node: the credentials, here at another path, and the configuration of k3s.
func runsKINE(t *testing.T, a applied) {
	t.Helper()
	state := a.state(t)
	a.write(t, "node.creds", state.output(t, "credentials"))
	var config map[string]any
	if err := yaml.Unmarshal([]byte(state.output(t, "k3s_config")), &config); err != nil {
		t.Fatal(err)
	}
	endpoint, _ := config["datastore-endpoint"].(string)
	if !strings.Contains(endpoint, nodeCredentials) {
		t.Fatalf("the endpoint has no credentials file: %s", endpoint)
	}
	endpoint = strings.Replace(endpoint, nodeCredentials, url.QueryEscape(filepath.Join(a.Dir, "node.creds")), 1)
	client := dial(t, kinelab.Run(t, endpoint).Endpoint())
	seeded, err := etcdtest.Seed(t.Context(), client, etcdtest.NewPrefix(), 10)
	if err != nil {
		t.Fatal(err)
	}
	if err := etcdtest.VerifyAll(t.Context(), client, seeded); err != nil {
		t.Error(err)
	}
}

// exchangesSubjects checks that the two applications reach each other as the example describes, and that nothing else
// passes between their accounts, even for users with all permissions.
func exchangesSubjects(t *testing.T, a applied) {
	t.Helper()
	state := a.state(t)
	credentials, ok := state.Outputs["credentials"].Value.(map[string]any)
	if !ok {
		t.Fatal("there are no credentials")
	}
	as := func(name string) *nats.Conn {
		content, _ := credentials[name].(string)
		return a.connect(t, content)
	}
	exchange(t, as("warehouse"), as("shop"))

	anyone := func(name string) *nats.Conn {
		public, _ := state.object(t, "nats_account."+name)["public_key"].(string)
		return a.connect(t, a.anyone(t, public))
	}
	warehouse, shop := anyone("warehouse"), anyone("shop")
	exchange(t, warehouse, shop)
	isolated(t, warehouse, shop)
}

// exchange sends a request from the shop and an event from the warehouse.
func exchange(t *testing.T, warehouse, shop *nats.Conn) {
	t.Helper()
	questions, err := warehouse.Subscribe("stock.query",
		func(m *nats.Msg) { _ = m.Respond([]byte("7 of " + string(m.Data))) })
	if err != nil {
		t.Fatal(err)
	}
	defer func() { // one that went on answering would be heard in what follows
		_ = questions.Unsubscribe()
		settle(t, warehouse)
	}()
	events, err := shop.SubscribeSync("warehouse.events.>")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = events.Unsubscribe() }()
	settle(t, warehouse, shop)
	answer, err := shop.Request("warehouse.stock", []byte("apples"), arrival)
	if err != nil || string(answer.Data) != "7 of apples" {
		t.Fatalf("the warehouse answers %v: %v", answer, err)
	}
	if err := warehouse.Publish("events.stock.apples", []byte("6")); err != nil {
		t.Fatal(err)
	}
	event, err := events.NextMsg(arrival)
	if err != nil || event.Subject != "warehouse.events.apples" || string(event.Data) != "6" {
		t.Fatalf("the shop hears %v: %v", event, err)
	}
}

// isolated publishes subjects in both accounts that are neither exported nor imported. Messages arrive in order, so an
// event that passes, sent last, proves that none of the earlier messages did.
func isolated(t *testing.T, warehouse, shop *nats.Conn) {
	t.Helper()
	all := map[*nats.Conn]*nats.Subscription{}
	for _, nc := range []*nats.Conn{warehouse, shop} {
		subscription, err := nc.SubscribeSync(">")
		if err != nil {
			t.Fatal(err)
		}
		all[nc] = subscription
	}
	settle(t, warehouse, shop)
	for _, subject := range []string{"events.orders.apples", "stock.other", "warehouse.events.apples", "warehouse.stock",
		"anything"} {
		if err := warehouse.Publish(subject, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := warehouse.Publish("events.stock.last", nil); err != nil {
		t.Fatal(err)
	}
	if first, err := all[shop].NextMsg(arrival); err != nil || first.Subject != "warehouse.events.last" {
		t.Errorf("the shop hears %v: %v", first, err)
	}

	// The other way only the question crosses.
	if err := all[shop].Unsubscribe(); err != nil {
		t.Fatal(err)
	}
	settle(t, shop)
	for _, subject := range []string{"stock.query", "stock.other", "events.stock.apples", "warehouse.events.apples",
		"anything"} {
		if _, err := shop.Request(subject, nil, arrival); !errors.Is(err, nats.ErrNoResponders) {
			t.Errorf("the shop reaches %s: %v", subject, err)
		}
	}
	for range 6 { // those of its own
		if _, err := all[warehouse].NextMsg(arrival); err != nil {
			t.Fatal(err)
		}
	}
	if err := shop.Publish("warehouse.stock", nil); err != nil {
		t.Fatal(err)
	}
	if first, err := all[warehouse].NextMsg(arrival); err != nil || first.Subject != "stock.query" {
		t.Errorf("the warehouse hears %v: %v", first, err)
	}
}

// settle returns when the servers know the subscriptions of the connections.
func settle(t *testing.T, connections ...*nats.Conn) {
	t.Helper()
	for _, nc := range connections {
		if err := nc.FlushTimeout(arrival); err != nil {
			t.Fatal(err)
		}
	}
}

// anyone returns the credentials of a user with all permissions in an account, signed by the provider's key.
func (a applied) anyone(t *testing.T, public string) string {
	t.Helper()
	signer, err := claims.NewAccountSigner(a.signingKey)
	if err != nil {
		t.Fatal(err)
	}
	defer signer.Close()
	user, seed, err := claims.NewKey(natsconn.UserKey)
	if err != nil {
		t.Fatal(err)
	}
	anyone := &claims.User{Claims: claims.Claims{PublicKey: user, Name: "anyone"}, IssuerAccount: public}
	token, err := anyone.Sign(t.Context(), signer, claims.SystemClock{}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	credentials, err := claims.FormatCredentials(token, seed)
	if err != nil {
		t.Fatal(err)
	}
	return credentials
}
