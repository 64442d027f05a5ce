package kine

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/s2"
	"github.com/nats-io/nats.go/jetstream"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/nats-k3s/terraform-provider-nats/internal/kinelab"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

var caHash = strings.Repeat("0123456789abcdef", 4)

func TestTokenHash(t *testing.T) {
	t.Parallel()
	sum := sha256.Sum256([]byte("s3cr3t:with::colons"))
	colons := hex.EncodeToString(sum[:])[:12]
	for token, want := range map[string]string{
		"password":                                 "5e884898da28", // echo -n password | sha256sum
		"K10" + caHash + "::server:password":       "5e884898da28",
		"K10::server:password":                     "5e884898da28",
		"K10" + caHash + "::password:password":     "5e884898da28",
		"K10" + caHash + "::s:s3cr3t:with::colons": colons,
		"s3cr3t:with::colons":                      colons,
	} {
		got, err := TokenHash(token)
		if err != nil || got != want {
			t.Errorf("%q: got %q, %v, want %q", token, got, err, want)
		}
	}
	for token, want := range map[string]string{
		"":                        "it is empty",
		"s3cr3t\n":                "leading or trailing white space",
		"abcdef.0123456789abcdef": "it is a bootstrap token, which only agents can use",
		"K10" + caHash + "::abcdef.0123456789abcdef": "it is a bootstrap token",
		"K10abc::server:s3cr3t":                      "it has 3 characters between K10 and ::, but a hash has 64",
		"K10" + caHash + "::s3cr3t":                  "it is neither of the form K10",
		"K10" + caHash + "::server:":                 "it is neither of the form K10",
		"K10s3cr3t":                                  "it is neither of the form K10",
	} {
		_, err := TokenHash(token)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: the error is %v, want %q", token, err, want)
		}
		if err != nil && token != "" &&
			(strings.Contains(err.Error(), "s3cr3t") || strings.Contains(err.Error(), "0123456789")) {
			t.Errorf("%q: the error quotes it: %v", token, err)
		}
	}
}

func FuzzTokenHash(f *testing.F) {
	f.Add("K10::server:password")
	f.Fuzz(func(t *testing.T, token string) {
		if digits, err := TokenHash(token); err == nil && !hashPattern.MatchString(digits) {
			t.Errorf("%q: %q", token, digits)
		}
	})
}

// The user of KINE finds the key that KINE stores under /bootstrap while the key exists.
func TestVerifyToken(t *testing.T) {
	t.Parallel()
	var granted []string
	for _, p := range permissions(testSpec.Name) {
		granted = append(granted, p.subject)
	}
	lab := natslab.Single(t,
		natslab.Users(natslab.User{Name: "admin", Password: "p"}, natslab.User{Name: "k3s", Password: "p",
			Permissions: &natslab.Permissions{Publish: natslab.SubjectPermission{Allow: granted},
				Subscribe: natslab.SubjectPermission{Allow: []string{InboxSubject}}}}))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	url, err := Endpoint{Servers: lab.URLs(), Spec: testSpec, User: "k3s", Password: "p"}.URL()
	if err != nil {
		t.Fatal(err)
	}
	etcd := dialKINE(t, kinelab.Run(t, url))
	client := natsconn.NewClient(natsconn.Settings{Servers: lab.URLs(),
		Auth: natsconn.Auth{User: "k3s", Password: "p"}}, nil)
	defer client.Close()
	js := client.JetStream("")
	create := func(key string) {
		t.Helper()
		_, err := etcd.Txn(ctx).If(clientv3.Compare(clientv3.ModRevision(key), "=", 0)).Then(clientv3.OpPut(key,
			"data")).Commit()
		if err != nil {
			t.Fatal(err)
		}
	}
	expect := func(token string, found ...string) {
		t.Helper()
		err := VerifyToken(ctx, js, testSpec.Name, token)
		var mismatch *TokenMismatchError
		switch {
		case len(found) == 0 && err != nil:
			t.Errorf("%q: %v", token, err)
		case len(found) > 0 && (!errors.As(err, &mismatch) || !slices.Equal(mismatch.Found, found)):
			t.Errorf("%q: got %v, want a mismatch with %v", token, err, found)
		}
	}

	expect("mine") // there is no key
	create("/bootstrap/notes")
	create("/bootstrap/" + hash("theirs") + "/more")
	expect("mine") // the key is not k3s's
	create("/bootstrap/" + hash("theirs"))
	expect("theirs")
	expect("K10" + caHash + "::server:theirs")
	expect("mine", hash("theirs"))
	create("/bootstrap/" + hash("mine"))
	expect("mine")
	if found, err := BootstrapHashes(ctx, js, testSpec.Name); err != nil || len(found) != 2 || !slices.IsSorted(found) {
		t.Errorf("found %v, %v", found, err)
	}
	for _, token := range []string{"mine", "theirs"} {
		key := "/bootstrap/" + hash(token)
		answer, err := etcd.Get(ctx, key)
		if err != nil || len(answer.Kvs) != 1 {
			t.Fatal(answer, err)
		}
		_, err = etcd.Txn(ctx).If(clientv3.Compare(clientv3.ModRevision(key), "=", answer.Kvs[0].ModRevision)).
			Then(clientv3.OpDelete(key)).Else(clientv3.OpGet(key)).Commit()
		if err != nil {
			t.Fatal(err)
		}
	}
	expect("mine") // both are deleted
	create("/bootstrap/" + hash(""))
	expect("mine") // k3s adopts the key
}

// The value of a deleted key is a tombstone. It differs from a live one even without the delete marker after it.
func TestTombstoneIsNotLive(t *testing.T) {
	t.Parallel()
	lab := natslab.Single(t)
	nc := lab.Connect(t)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.CreateStream(t.Context(), Contract(testSpec)); err != nil {
		t.Fatal(err)
	}
	client := natsconn.NewClient(natsconn.Settings{Servers: lab.URLs()}, nil)
	defer client.Close()
	for text, want := range map[string]bool{
		`{"KV":{"Key":"/bootstrap/x"},"Create":true,"Delete":false}`: true,
		`{"KV":{"Key":"/bootstrap/x"},"Delete":true}`:                false,
	} {
		var value bytes.Buffer
		w := s2.NewWriter(&value)
		if _, err := w.Write([]byte(text)); err != nil || w.Close() != nil {
			t.Fatal(err)
		}
		subject := KeySubject(testSpec.Name, "2Ffw6B3A5fkPR.x")
		if _, err := nc.Request(subject, value.Bytes(), time.Minute); err != nil {
			t.Fatal(err)
		}
		if live, err := isLive(t.Context(), client.JetStream(""), testSpec.Name, subject); err != nil || live != want {
			t.Errorf("%s: live is %t, %v", text, live, err)
		}
	}
	if live, err := isLive(t.Context(), client.JetStream(""), testSpec.Name,
		KeySubject(testSpec.Name, "none")); err != nil || live {
		t.Errorf("a key that never was: live is %t, %v", live, err)
	}
}

// The codec returns the subject of k3s's key.
func TestBootstrapSubject(t *testing.T) {
	t.Parallel()
	encoded, err := EncodeKey("/bootstrap/5e884898da28")
	if err != nil || !strings.HasPrefix(encoded, "2Ffw6B3A5fkPR.") {
		t.Errorf("got %q, %v", encoded, err)
	}
}
