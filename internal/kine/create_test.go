package kine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// A bucket is created in an account that the servers of a cluster just learned of.
func TestCreateInNewAccounts(t *testing.T) {
	operator, err := natslab.NewOperator("lab")
	if err != nil {
		t.Fatal(err)
	}
	lab := natslab.Cluster(t, 3, natslab.OperatorMode(operator))
	credentials, err := operator.SystemAccount().Credentials("terraform", nil)
	if err != nil {
		t.Fatal(err)
	}
	system := lab.Connect(t, nats.UserCredentialBytes([]byte(credentials)))
	for i := range 30 {
		account, err := operator.AddAccount(fmt.Sprintf("account-%d", i), nil)
		if err != nil {
			t.Fatal(err)
		}
		credentials, err := account.Credentials("owner", nil)
		if err != nil {
			t.Fatal(err)
		}
		js := newClient(t, lab.URLs(), natsconn.Auth{Credentials: credentials}).JetStream("")
		if _, err := system.Request("$SYS.REQ.CLAIMS.UPDATE", []byte(account.JWT()), learnTimeout); err != nil {
			t.Fatal(err)
		}
		mustCreate(t, js, Spec{Name: "kine", History: 10, Replicas: 1})
	}
}

// A directory that a server temporarily cannot create, for example while it learns of a new account, is tried again.
func TestCreateWhileTheDirectoryIsMissing(t *testing.T) {
	for name, servers := range map[string][]*natslab.Server{
		"server":  {natslab.Single(t)},
		"cluster": natslab.Cluster(t, 3).Servers(),
	} {
		t.Run(name, func(t *testing.T) {
			for _, server := range servers {
				blockStreams(t, server)
			}
			requests := servers[0].Requests(t)
			mustCreate(t, openAPI(t, servers[0].URLs()), Spec{Name: "kine", History: 10, Replicas: 1})
			if n := requests.Snapshot()["$JS.API.STREAM.CREATE.KV_kine"]; n < 2 {
				t.Errorf("created with %d requests: nothing was in the way", n)
			}
		})
	}
}

// blockStreams puts a file where a server creates the directory of the global account's streams. The server removes it,
// as it does with an empty directory, after it failed to create a stream there.
func blockStreams(t *testing.T, server *natslab.Server) {
	t.Helper()
	account := filepath.Join(server.StoreDir(), "jetstream", "$G")
	err := os.MkdirAll(account, 0o700)
	if err == nil {
		err = os.WriteFile(filepath.Join(account, "streams"), nil, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// A directory that cannot be created at all is an error within a short time.
func TestCreateWithoutADirectory(t *testing.T) {
	lab := natslab.Single(t)
	store := filepath.Join(lab.StoreDir(), "jetstream")
	if err := errors.Join(os.RemoveAll(store), os.WriteFile(store, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	began, watch := time.Now(), natslab.StartStopwatch()
	_, err := Create(t.Context(), openAPI(t, lab.URLs()), Spec{Name: "kine", History: 10, Replicas: 1}, nil)
	if !natsconn.IsAPIError(err, natsconn.CodeStreamCreate) {
		t.Errorf("created: %v", err)
	}
	if time.Since(began) < learnTimeout || watch.Waited() > raceTimeout {
		t.Errorf("it took %s", watch)
	}
}

// A stream whose directory the server has removed is created again: it would be lost at the next start of the server.
func TestCreateWhileTheDirectoryGoes(t *testing.T) {
	lab := natslab.Cluster(t, 3)
	proxy := natslab.NewProxy(t, lab.Servers()[0].ClientURL())
	hold := proxy.HoldReply(1, func(subject string) bool { return strings.HasPrefix(subject, "$JS.API.STREAM.CREATE.") })
	js := openAPI(t, []string{proxy.ClientURL()})
	created := make(chan error, 1)
	go func() {
		_, err := Create(t.Context(), js, Spec{Name: "kine", History: 10, Replicas: 1}, nil)
		created <- err
	}()
	<-hold.Held()
	removed := 0
	for _, server := range lab.Servers() {
		if !server.IsStreamLeader("", "KV_kine") {
			continue
		}
		if err := os.RemoveAll(filepath.Join(server.StoreDir(), "jetstream", "$G", "streams")); err != nil {
			t.Fatal(err)
		}
		removed++
	}
	hold.Forward()
	if err := <-created; err != nil || removed != 1 {
		t.Fatalf("%d directories were removed: %v", removed, err)
	}
	for _, server := range lab.Servers() {
		if _, err := os.Stat(filepath.Join(server.StoreDir(), "jetstream", "$G", "streams", "KV_kine",
			"meta.inf")); err == nil {
			return
		}
	}
	t.Error("no server has the stream on its disk")
}
