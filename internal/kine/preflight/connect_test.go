package preflight_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/kine/preflight"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// Every way to connect that an endpoint supports also works in the child.
func TestWaysToConnect(t *testing.T) {
	t.Parallel()
	operator, err := natslab.NewOperator("lab")
	if err != nil {
		t.Fatal(err)
	}
	account, err := operator.AddAccount("k3s", nil)
	if err != nil {
		t.Fatal(err)
	}
	credentials, err := account.Credentials("node", nil)
	if err != nil {
		t.Fatal(err)
	}
	read := func(file string) string {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	password := natslab.Single(t, natslab.UserPassword("k3s", "s3cr3t"))
	token := natslab.Single(t, natslab.Token("s3cr3t"))
	secure, mutual, first := natslab.Single(t, natslab.TLS()), natslab.Single(t,
		natslab.VerifyClients()), natslab.Single(t, natslab.HandshakeFirst())
	operated := natslab.Single(t, natslab.OperatorMode(operator), natslab.TLS())
	other, err := natslab.NewTLSFiles(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		lab    *natslab.Server
		change func(*preflight.Target)
		want   string
	}{
		"user":       {password, func(t *preflight.Target) { t.Endpoint.User, t.Endpoint.Password = "k3s", "s3cr3t" }, ""},
		"wrong user": {password, func(t *preflight.Target) { t.Endpoint.User, t.Endpoint.Password = "k3s", "s3cr3ts" }, "Authorization Violation"},
		"token":      {token, func(t *preflight.Target) { t.Endpoint.Token = "s3cr3t" }, ""},
		"TLS file":   {secure, func(t *preflight.Target) { t.TLS.CAFile = secure.CAFile() }, ""},
		"TLS text":   {secure, func(t *preflight.Target) { t.TLS.CAPEM = read(secure.CAFile()) }, ""},
		"tls scheme": {secure, func(t *preflight.Target) {
			t.TLS.CAFile, t.Endpoint.Servers = secure.CAFile(), []string{strings.Replace(secure.ClientURL(), "nats:", "tls:", 1)}
		}, ""},
		"no scheme": {secure, func(t *preflight.Target) {
			t.TLS.CAFile, t.Endpoint.Servers = secure.CAFile(), []string{strings.TrimPrefix(secure.ClientURL(), "nats://")}
		}, ""},
		"slash and capitals": {secure, func(t *preflight.Target) {
			t.TLS.CAFile, t.Endpoint.Servers = secure.CAFile(), []string{strings.Replace(secure.ClientURL(), "nats:", "NATS:",
				1) + "/"}
		}, ""},
		"zone":     {secure, func(t *preflight.Target) { t.Endpoint.Servers = []string{"nats://[fe80::1%25eth0]"} }, "it does not support zones in addresses"},
		"no URL":   {secure, func(t *preflight.Target) { t.Endpoint.Servers = []string{""} }, "the URL is empty"},
		"wrong CA": {secure, func(t *preflight.Target) { t.TLS.CAFile = other.CA }, "certificate signed by unknown authority"},
		"no CA":    {secure, func(*preflight.Target) {}, "certificate signed by unknown authority"},
		"certificate": {mutual, func(t *preflight.Target) {
			f := mutual.TLSFiles()
			t.TLS.CAFile, t.TLS.CertFile, t.TLS.KeyFile = f.CA, f.ClientCert, f.ClientKey
		}, ""},
		"PEM": {mutual, func(t *preflight.Target) {
			f := mutual.TLSFiles()
			t.TLS.CAPEM, t.TLS.CertPEM, t.TLS.KeyPEM = read(f.CA), read(f.ClientCert), read(f.ClientKey)
		}, ""},
		"credentials": {operated, func(t *preflight.Target) { t.Credentials, t.TLS.CAFile = credentials, operated.CAFile() }, ""},
		"context": {operated, func(t *preflight.Target) {
			t.Credentials, t.TLS.CAFile, t.InContext = credentials, operated.CAFile(), true
		}, ""},
		"TLS first": {first, func(t *preflight.Target) {
			t.TLS.CAFile, t.TLS.HandshakeFirst, t.InContext = first.CAFile(), true, true
		}, ""},
		"TLS too late":  {first, func(t *preflight.Target) { t.TLS.CAFile = first.CAFile() }, "KINE " + kine.BundledKINE + " failed while starting"},
		"another field": {token, func(t *preflight.Target) { t.Endpoint.Token, t.Endpoint.Spec.History = "s3cr3t", 11 }, "bucket name already in use"},
		"websocket":     {secure, func(t *preflight.Target) { t.Endpoint.Servers = []string{"wss://h"} }, "KINE does not connect to wss://h: it only supports the scheme nats"},
		"server name":   {secure, func(t *preflight.Target) { t.TLS.ServerName = "h" }, "KINE has no setting for the server name"},
		"first":         {first, func(t *preflight.Target) { t.TLS.HandshakeFirst = true }, "KINE can only start TLS before the server's INFO if a context file sets it"},
	} {
		t.Run(name, func(t *testing.T) {
			var as []nats.Option
			if c.lab == operated {
				as = append(as, nats.UserCredentialBytes([]byte(credentials)))
			}
			nc := c.lab.Connect(t, as...)
			target := on(c.lab.URLs())
			target.Endpoint.Spec.Name = "b-" + strings.ReplaceAll(name, " ", "-")
			js, err := jetstream.New(nc)
			if err != nil {
				t.Fatal(err)
			}
			makeBucket(t, js, target.Endpoint.Spec)
			c.change(&target)
			var log lines
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			err = preflight.Run(ctx, target, log.add)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if strings.Contains(log.String()+fmt.Sprint(err), "s3cr3t") ||
				strings.Contains(log.String()+fmt.Sprint(err), "SUA") {
				t.Errorf("a secret is in the log or the error: %v\n%s", err, log.String())
			}
			if c.want == "" && !strings.Contains(log.String(), "bucket initialized: "+target.Endpoint.Spec.Name) {
				t.Errorf("the log is missing:\n%s", log.String())
			}
		})
	}
}

// The path of the temporary directory does not matter, even if it has a meaning in a URL or for a NATS client.
func TestTemporaryDirectory(t *testing.T) {
	operator, err := natslab.NewOperator("lab")
	if err != nil {
		t.Fatal(err)
	}
	account, err := operator.AddAccount("k3s", nil)
	if err != nil {
		t.Fatal(err)
	}
	credentials, err := account.Credentials("node", nil)
	if err != nil {
		t.Fatal(err)
	}
	lab := natslab.Single(t, natslab.OperatorMode(operator), natslab.TLS())
	authority, err := os.ReadFile(lab.CAFile())
	if err != nil {
		t.Fatal(err)
	}
	js, err := jetstream.New(lab.Connect(t, nats.UserCredentialBytes([]byte(credentials))))
	if err != nil {
		t.Fatal(err)
	}
	makeBucket(t, js, spec)
	t.Chdir(t.TempDir())
	for _, dir := range []string{"relative", filepath.Join(t.TempDir(), "$HOME,a%20b+c&d#e~")} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		t.Setenv("TMPDIR", dir)
		for _, inContext := range []bool{false, true} {
			target := on(lab.URLs())
			target.Credentials, target.TLS.CAPEM, target.InContext = credentials, string(authority), inContext
			if err := run(t, target); err != nil {
				t.Errorf("%s, in a context %t: %v", dir, inContext, err)
			}
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Errorf("%s: left behind: %v, %v", dir, left, err)
		}
	}
}
