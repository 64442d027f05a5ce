package kinelab

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
)

// TestMaskKineErrors has KINE refuse endpoints of which it quotes a part, and looks for their secrets.
func TestMaskKineErrors(t *testing.T) {
	t.Parallel()
	for _, endpoint := range []string{
		"nats://kine:hunter22@127.0.0.1:1?noEmbed",
		"nats://kine:hunter22@127.0.0.1:1,http://kine:hunter22@127.0.0.1:1",
		"nats://kine:hun%zzter22@127.0.0.1:1",
		"nats://kine:hun,ter22@127.0.0.1:1",
		"nats://kine:12,hunter22@127.0.0.1:1",
		"nats://kine:hun/ter22@127.0.0.1:1",
		"nats://kine:hun ter22@127.0.0.1:1",
		"nats://kine:hun%20ter22@127.0.0.1:1",
		"nats://hunter22@127.0.0.1:port",
		"nats:kine:hunter22@127.0.0.1",
	} {
		_, err := Start(t.Context(), Config{Endpoint: endpoint})
		if err == nil {
			t.Fatalf("%s has started", endpoint)
		}
		for _, secret := range []string{"hunter", "ter22", "hun%zz", "%zz", "hun "} {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%s: %q is in %v", endpoint, secret, err)
			}
		}
		var parse *url.Error
		if errors.As(err, &parse) && strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), "hunter") {
			t.Errorf("%s: formatted in another way, the error tells it: %#v", endpoint, err)
		}
	}
}

func TestMaskText(t *testing.T) {
	t.Parallel()
	m := newMask("nats://kine:hunter22%21@a:4222,nats://token-1234@b:4222?bucket=kine")
	for in, want := range map[string]string{
		"using bucket: kine":                        "using bucket: kine",
		"connecting to nats://a:4222,nats://b:4222": "connecting to nats://a:4222,nats://b:4222",
		"the password hunter22%21":                  "the password *****",
		"the password hunter22!":                    "the password *****",
		"the token token-1234.":                     "the token *****.",
		"at nats://other:pw@c:4222":                 "at nats://*****@c:4222",
		"invalid connection string=pw@c":            "invalid connection string=*****",
	} {
		if got := m.text(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
	short := newMask("nats://kine:in@a:4222")
	if got := short.text("bucket name already in use at nats://kine:in@a:4222"); got != "bucket name already in use at *****" {
		t.Errorf("a short password: got %q", got)
	}
}

func TestMaskedErrorKeepsItsChain(t *testing.T) {
	t.Parallel()
	m := newMask("nats://kine:hunter22@a:4222")
	err := m.error(fmt.Errorf("hunter22: %w", context.Canceled))
	if err.Error() != "*****: context canceled" || !errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}
