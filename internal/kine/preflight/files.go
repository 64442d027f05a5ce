package preflight

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

// Files in the child's private directory, which is also its working directory. The relative names contain no
// characters that have a special meaning in a URL, a NATS context or a NATS client, whatever the path of the
// directory is.
const (
	credentialsFile = "user.creds"
	contextFile     = "context.json"
	authorityFile   = "ca.pem"
	certificateFile = "cert.pem"
	keyFile         = "key.pem"
)

// Check returns an error if KINE cannot connect as the target requires although another NATS client can. It ignores
// servers that no client accepts.
func (t Target) Check() error {
	for _, server := range t.Endpoint.Servers {
		u, err := natsconn.ParseServer(server)
		switch {
		case err != nil:
		case u.Scheme != "nats" && u.Scheme != "tls":
			return fmt.Errorf("KINE does not connect to %s: it only supports the scheme nats", secret.URL(server))
		case strings.Contains(u.Host, "%"):
			return fmt.Errorf("KINE does not connect to %s: it does not support zones in addresses", secret.URL(server))
		}
	}
	switch {
	case t.TLS.ServerName != "":
		return errors.New("KINE has no setting for the server name in the certificate")
	case t.TLS.HandshakeFirst && !t.InContext:
		return errors.New("KINE can only start TLS before the server's INFO if a context file sets it")
	}
	return nil
}

// order returns the order for the child, with the files that KINE needs.
func (t Target) order() (order, error) {
	if err := t.Check(); err != nil {
		return order{}, err
	}
	work := order{Files: map[string]string{}}
	pem := func(name, path, text string) (string, error) {
		switch {
		case text != "":
			work.Files[name] = text
			return name, nil
		case path == "":
			return "", nil
		}
		return filepath.Abs(path)
	}
	var errs [3]error
	work.CAFile, errs[0] = pem(authorityFile, t.TLS.CAFile, t.TLS.CAPEM)
	work.CertFile, errs[1] = pem(certificateFile, t.TLS.CertFile, t.TLS.CertPEM)
	work.KeyFile, errs[2] = pem(keyFile, t.TLS.KeyFile, t.TLS.KeyPEM)
	if err := errors.Join(errs[:]...); err != nil {
		return order{}, fmt.Errorf("resolve the paths of the TLS files: %w", err)
	}
	credentials := ""
	if t.Credentials != "" {
		credentials = credentialsFile
		work.Files[credentials] = t.Credentials
	}

	e := kine.Endpoint{Spec: t.Endpoint.Spec, SlowMethod: t.Endpoint.SlowMethod}
	for _, server := range t.Endpoint.Servers {
		u, err := natsconn.ParseServer(server)
		if err != nil {
			return order{}, fmt.Errorf("server %s: %w", secret.URL(server), err)
		}
		e.Servers = append(e.Servers, "nats://"+u.Host)
	}
	if t.InContext {
		text, err := json.Marshal(map[string]any{
			"url": strings.Join(e.Servers, ","), "creds": credentials, "tls_first": t.TLS.HandshakeFirst,
			"ca": work.CAFile, "cert": work.CertFile, "key": work.KeyFile,
		})
		if err != nil {
			return order{}, err
		}
		e.Servers, e.ContextFile = nil, contextFile
		work.Files[contextFile] = string(text)
	} else {
		e.CredentialsFile = credentials
		e.User, e.Password, e.Token = t.Endpoint.User, t.Endpoint.Password, t.Endpoint.Token
	}
	var err error
	work.Endpoint, err = e.LocalURL()
	return work, err
}

// writeFiles writes the files to dir, readable only by this user.
func (o order) writeFiles(dir string) error {
	for name, text := range o.Files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}
