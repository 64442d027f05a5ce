package secret_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

func TestMaskText(t *testing.T) {
	t.Parallel()
	m := secret.NewMask("nats://kine:hunter22%21@a:4222,nats://token-1234@b:4222?bucket=kine")
	for in, want := range map[string]string{
		"using bucket: kine":                        "using bucket: kine",
		"connecting to nats://a:4222,nats://b:4222": "connecting to nats://a:4222,nats://b:4222",
		"the password hunter22%21":                  "the password *****",
		"the password hunter22!":                    "the password *****",
		"the token token-1234.":                     "the token *****.",
		"at nats://other:pw@c:4222":                 "at nats://*****@c:4222",
		"invalid connection string=pw@c":            "invalid connection string=*****",
	} {
		if got := m.Text(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
	short := secret.NewMask("nats://kine:in@a:4222")
	if got := short.Text("bucket name already in use at nats://kine:in@a:4222"); got != "bucket name already in use at "+
		"*****" {
		t.Errorf("a short password: got %q", got)
	}
}

func TestMaskedErrorKeepsItsChain(t *testing.T) {
	t.Parallel()
	m := secret.NewMask("nats://kine:hunter22@a:4222")
	err := m.Error(fmt.Errorf("hunter22: %w", context.Canceled))
	if err.Error() != "*****: context canceled" || !errors.Is(err, context.Canceled) ||
		errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}
