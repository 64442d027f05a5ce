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
)

// Check returns why KINE cannot connect the way that the target says, though another NATS client can; nil if it can.
func (t Target) Check() error {
	for _, server := range t.Endpoint.Servers {
		if scheme, _, _ := strings.Cut(server, "://"); scheme != "nats" && scheme != "tls" {
			return fmt.Errorf("KINE does not connect to %s: it knows the scheme nats alone", natsconn.Redact(server))
		}
	}
	switch {
	case t.TLS.ServerName != "":
		return errors.New("KINE has no setting for the name that the server's certificate is checked for")
	case t.TLS.HandshakeFirst && !t.InContext:
		return errors.New("KINE cannot start TLS at once, unless a context file says so")
	}
	return nil
}

// order writes what KINE needs as files into dir, and returns what the child has to do.
func (t Target) order(dir string) (order, error) {
	if err := t.Check(); err != nil {
		return order{}, err
	}
	files := fileWriter{dir: dir}
	work := order{
		CAFile:   files.pem("ca.pem", t.TLS.CAFile, t.TLS.CAPEM),
		CertFile: files.pem("cert.pem", t.TLS.CertFile, t.TLS.CertPEM),
		KeyFile:  files.pem("key.pem", t.TLS.KeyFile, t.TLS.KeyPEM),
		Dir:      dir,
	}
	credentials := ""
	if t.Credentials != "" {
		credentials = files.write("user.creds", t.Credentials)
	}

	e := kine.Endpoint{Spec: t.Endpoint.Spec, SlowMethod: t.Endpoint.SlowMethod}
	for _, server := range t.Endpoint.Servers {
		_, host, _ := strings.Cut(server, "://")
		e.Servers = append(e.Servers, "nats://"+host)
	}
	if t.InContext {
		text, err := json.Marshal(map[string]any{
			"url": strings.Join(e.Servers, ","), "creds": credentials, "tls_first": t.TLS.HandshakeFirst,
			"ca": work.CAFile, "cert": work.CertFile, "key": work.KeyFile,
		})
		if err != nil {
			return order{}, err
		}
		e.Servers, e.ContextFile = nil, files.write("context.json", string(text))
	} else {
		e.CredentialsFile = credentials
		e.User, e.Password, e.Token = t.Endpoint.User, t.Endpoint.Password, t.Endpoint.Token
	}
	if files.err != nil {
		return order{}, fmt.Errorf("the files that KINE needs: %w", files.err)
	}
	var err error
	work.Endpoint, err = e.URL()
	return work, err
}

// fileWriter writes files that only this user can read, and keeps the first error.
type fileWriter struct {
	dir string
	err error
}

func (w *fileWriter) write(name, text string) string {
	file := filepath.Join(w.dir, name)
	if err := os.WriteFile(file, []byte(text), 0o600); w.err == nil {
		w.err = err
	}
	return file
}

// pem returns the absolute path of a file that was given by its path or its content, "" for neither.
func (w *fileWriter) pem(name, file, text string) string {
	switch {
	case text != "":
		return w.write(name, text)
	case file == "":
		return ""
	}
	absolute, err := filepath.Abs(file)
	if w.err == nil {
		w.err = err
	}
	return absolute
}
