package kine

import (
	"context"
	"errors"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// A minted user can do what resources need, in the server's own domain and in others, and nothing else.
func TestWorkPermissions(t *testing.T) {
	t.Parallel()
	operator, err := natslab.NewOperator("lab")
	if err != nil {
		t.Fatal(err)
	}
	account, err := operator.AddAccount("k3s", nil)
	if err != nil {
		t.Fatal(err)
	}
	credentials, err := account.Credentials("admin", nil)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := claims.NewAccountSigner(account.SigningKeySeed())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(signer.Close)
	lab := natslab.Single(t, natslab.OperatorMode(operator), natslab.Domain("hub"))
	publish, subscribe := WorkPermissions()
	accounts := newClient(t, lab.URLs(), natsconn.Auth{}).Accounts(func(key string) (natsconn.Minter, error) {
		return claims.Mint(signer, key, claims.Permissions{
			Publish: claims.Permission{Allow: publish}, Subscribe: claims.Permission{Allow: subscribe},
		})
	})
	t.Cleanup(accounts.Close)
	client, err := accounts.Client(account.PublicKey())
	if err != nil {
		t.Fatal(err)
	}
	admin := newClient(t, lab.URLs(), natsconn.Auth{Credentials: credentials})
	stream := map[string]any{"name": "KV_kine", "subjects": []string{"$KV.kine.>"}, "allow_direct": true,
		"num_replicas": 1}
	call(t, admin.JetStream(""), "STREAM.CREATE.KV_kine", stream, nil)
	ctx := t.Context()
	for _, domain := range []string{"", "hub"} {
		js := client.JetStream(domain)
		for _, call := range []string{"INFO", "STREAM.INFO.KV_kine", "CONSUMER.LIST.KV_kine"} {
			if err := js.Request(ctx, call, nil, nil); err != nil {
				t.Errorf("domain %q: %s: %v", domain, call, err)
			}
		}
		if err := js.Request(ctx, "STREAM.UPDATE.KV_kine", stream, nil); err != nil {
			t.Errorf("domain %q: update: %v", domain, err)
		}
		if _, err := js.DirectGet(ctx, "KV_kine", "$KV.kine.key"); !errors.Is(err, natsconn.ErrNoMessage) {
			t.Errorf("domain %q: direct get: %v", domain, err)
		}
		for _, key := range []string{barrierKey, encodedHealthKey} {
			if _, err := js.Publish(ctx, "KV_kine", nats.NewMsg(js.KVSubject(KeySubject("kine", key)))); err != nil {
				t.Errorf("domain %q: the key %s: %v", domain, key, err)
			}
		}
		if _, err := client.Request(ctx, nats.NewMsg(js.KVSubject(raiseSubject("kine")))); !errors.Is(err,
			nats.ErrNoResponders) {
			t.Errorf("domain %q: a message of a raise: %v", domain, err)
		}
		for _, subject := range []string{
			js.Subject("STREAM.PURGE.KV_kine"), js.Subject("STREAM.MSG.DELETE.KV_kine"), js.Subject("CONSUMER.CREATE.KV_kine"),
			js.Subject("STREAM.SNAPSHOT.KV_kine"), js.KVSubject("$KV.kine.key"), "$SYS.REQ.USER.INFO", "anything",
		} {
			_, err := client.Request(ctx, nats.NewMsg(subject))
			if denied, ok := errors.AsType[*natsconn.PermissionError](err); !ok || !denied.Publish {
				t.Errorf("domain %q: %s: %v", domain, subject, err)
			}
		}
	}
	err = client.Exchange(ctx, "$JS.API.INFO", func(ctx context.Context, nc *nats.Conn) error {
		sub, err := nc.SubscribeSync(">")
		if err != nil {
			return err
		}
		defer func() { _ = sub.Unsubscribe() }()
		<-ctx.Done()
		return ctx.Err()
	})
	if denied, ok := errors.AsType[*natsconn.PermissionError](err); !ok || denied.Publish || denied.Subject != ">" {
		t.Errorf("a subscription to everything: %v", err)
	}
}
