package natsconn

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go"

	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

// apply sets the way to authenticate, if any, in the options of a connection. It reads a credentials file only to check
// it: nats.go reads the file again for each connection.
func (auth Auth) apply(o *nats.Options) error {
	methods := auth.methods()
	switch {
	case len(methods) == 0:
		return nil
	case len(methods) > 1:
		return fmt.Errorf("%s are set: only one way to authenticate can be used", strings.Join(methods, " and "))
	}
	var option nats.Option
	switch {
	case auth.Credentials != "":
		option = nats.UserCredentialBytes([]byte(auth.Credentials))
	case auth.CredentialsFile != "":
		if err := secret.CheckPath(auth.CredentialsFile); err != nil {
			return fmt.Errorf("the path of a credentials file: %w", err)
		}
		content, err := secret.ReadFile(auth.CredentialsFile)
		if err == nil {
			err = CheckCredentials(string(content))
		}
		if err != nil {
			return fmt.Errorf("credentials file %s: %w", auth.CredentialsFile, err)
		}
		option = nats.UserCredentials(auth.CredentialsFile)
	case auth.User != "" || auth.Password != "":
		option = nats.UserInfo(auth.User, auth.Password)
	case auth.Token != "":
		option = nats.Token(auth.Token)
	case auth.NKeySeed != "":
		var err error
		if option, err = seedOption(auth.NKeySeed); err != nil {
			return err
		}
	case auth.NKeyFile != "":
		err := secret.CheckPath(auth.NKeyFile)
		if err != nil {
			return fmt.Errorf("the path of an nkey file: %w", err)
		}
		if option, err = nats.NkeyOptionFromSeed(auth.NKeyFile); err != nil {
			return fmt.Errorf("nkey file %s: it cannot be read or contains no user seed", auth.NKeyFile)
		}
	}
	return option(o)
}

// seedOption returns the option to authenticate with the seed of a user.
func seedOption(seed string) (nats.Option, error) {
	if err := CheckSeed(seed, UserKey); err != nil {
		return nil, err
	}
	pair, err := KeyPair(seed)
	if err != nil {
		return nil, err
	}
	public, err := pair.PublicKey()
	if err != nil {
		return nil, errors.New("not an NKey seed")
	}
	return nats.Nkey(public, pair.Sign), nil
}

// apply sets the TLS settings in the options of a connection.
func (t TLS) apply(o *nats.Options) error {
	if t.IsZero() {
		return nil
	}
	o.Secure = true
	o.TLSConfig = &tls.Config{ServerName: t.ServerName}
	o.TLSHandshakeFirst = t.HandshakeFirst

	ca, err := contentOf("certificate authority", t.CAFile, t.CAPEM)
	if err != nil {
		return err
	}
	if ca != nil {
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(ca) {
			return errors.New("the certificate authority contains no PEM certificate")
		}
		o.TLSConfig.RootCAs = pool
	}

	cert, err := contentOf("client certificate", t.CertFile, t.CertPEM)
	if err != nil {
		return err
	}
	key, err := contentOf("client key", t.KeyFile, t.KeyPEM)
	if err != nil {
		return err
	}
	switch {
	case cert != nil && key != nil:
		pair, err := tls.X509KeyPair(cert, key)
		if err != nil {
			return fmt.Errorf("the client certificate and its key: %w", err)
		}
		o.TLSConfig.Certificates = []tls.Certificate{pair}
	case cert != nil || key != nil:
		return errors.New("a client certificate and its key must be set together")
	}
	return nil
}

// contentOf returns the content of a file, or the text, or nil if neither is set.
func contentOf(what, file, text string) ([]byte, error) {
	switch {
	case file != "" && text != "":
		return nil, fmt.Errorf("the %s is set as a file and as text: set only one of them", what)
	case file != "":
		content, err := secret.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("the %s: %w", what, err)
		}
		return content, nil
	case text != "":
		return []byte(text), nil
	}
	return nil, nil
}

// credentialsError means that the credentials could not be read while connecting. nats.go does not distinguish this
// from an unreachable server.
type credentialsError struct{ err error }

func (e *credentialsError) Error() string { return "the credentials cannot be used: " + e.err.Error() }

func (e *credentialsError) Unwrap() error { return e.err }

// local marks the error as a local error about credentials.
func local[T any](value T, err error) (T, error) {
	if err != nil {
		err = &credentialsError{err}
	}
	return value, err
}
