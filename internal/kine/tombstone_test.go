package kine

import (
	"strconv"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// KINE never creates a key again whose delete was interrupted between its two messages, until the delete is finished.
func TestFinishDelete(t *testing.T) {
	t.Parallel()
	const key = "/nats-k3s/half"
	lab := natslab.Single(t)
	js := openAPI(t, lab.URLs())
	spec := Spec{Name: "kine", History: 10, Replicas: 1}
	k, client := runKINE(t, lab.URLs(), spec)
	create := func(client *clientv3.Client) bool {
		t.Helper()
		resp, err := client.Txn(t.Context()).If(clientv3.Compare(clientv3.ModRevision(key), "=", 0)).Then(clientv3.OpPut(key,
			"value")).
			Else(clientv3.OpGet(key)).Commit()
		if err != nil {
			t.Fatal(err)
		}
		return resp.Succeeded
	}
	finish := func() {
		t.Helper()
		if err := FinishDelete(t.Context(), js, spec.Name, key); err != nil {
			t.Fatal(err)
		}
	}
	finish() // the key does not exist
	if !create(client) {
		t.Fatal("the key cannot be created at first")
	}
	finish() // the key is not deleted
	if create(client) {
		t.Fatal("the key was deleted")
	}
	if err := k.Stop(); err != nil {
		t.Fatal(err)
	}

	encoded, err := EncodeKey(key)
	if err != nil {
		t.Fatal(err)
	}
	subject := KeySubject(spec.Name, encoded)
	last, err := js.DirectGet(t.Context(), StreamName(spec.Name), subject)
	if err != nil {
		t.Fatal(err)
	}
	deleted, err := decodeRecord(last.Data)
	if err != nil {
		t.Fatal(err)
	}
	if deleted.PrevRevision, err = strconv.ParseInt(last.Header.Get(jetstream.SequenceHeader), 10, 64); err != nil {
		t.Fatal(err)
	}
	deleted.Create, deleted.Delete = false, true
	half := nats.NewMsg(subject)
	if half.Data, err = deleted.encode(); err != nil {
		t.Fatal(err)
	}
	if _, err := js.Publish(t.Context(), StreamName(spec.Name), half); err != nil {
		t.Fatal(err)
	}

	k, client = runKINE(t, lab.URLs(), spec)
	if create(client) {
		t.Error("KINE creates a key whose delete was cut short: FinishDelete is not needed any more")
	}
	if err := k.Stop(); err != nil {
		t.Fatal(err)
	}
	finish()
	if _, client = runKINE(t, lab.URLs(), spec); !create(client) {
		t.Error("the key cannot be created after its delete was finished")
	}
}
