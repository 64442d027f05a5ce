package natslab

import (
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
)

// endpoint is one server as its clients see it, in this process or in another.
type endpoint struct {
	opts  Options
	node  node
	files *TLSFiles
}

// Name returns the server's name.
func (e *endpoint) Name() string { return e.node.name }

// Port returns the client port.
func (e *endpoint) Port() int { return e.node.ports.client.number }

// ClientURL returns the URL for clients. Its scheme is nats even with TLS: clients then use TLS because of their
// options or because the server's INFO requires it.
func (e *endpoint) ClientURL() string { return "nats://" + address(e.Port()) }

// URLs returns the client URL as a list, like [Topology.URLs].
func (e *endpoint) URLs() []string { return []string{e.ClientURL()} }

// StoreDir returns the JetStream storage directory.
func (e *endpoint) StoreDir() string { return e.node.storeDir }

// LeafNodeURL returns the URL for leaf nodes, or "" without [LeafNodes].
func (e *endpoint) LeafNodeURL() string {
	if !e.opts.LeafNodes {
		return ""
	}
	return "nats-leaf://" + address(e.node.ports.leaf.number)
}

// TLSFiles returns the certificate files, or the zero value without TLS.
func (e *endpoint) TLSFiles() TLSFiles {
	if e.files == nil {
		return TLSFiles{}
	}
	return *e.files
}

// CAFile returns the path of the CA certificate, or "" without TLS.
func (e *endpoint) CAFile() string { return e.TLSFiles().CA }

// ClientOptions returns the options that Dial uses: the first configured user and the TLS settings.
func (e *endpoint) ClientOptions() []nats.Option { return clientOptions(e.opts, e.files) }

// Dial connects as the first configured user with the configured TLS settings. The connection reconnects indefinitely
// and with almost no delay. The caller closes it.
func (e *endpoint) Dial(opts ...nats.Option) (*nats.Conn, error) {
	return dial(e.ClientURL(), e.opts, e.files, opts)
}

// connectTimeout leaves a server enough time to refuse a user: it searches for an unknown account for 1.9 seconds,
// which is too close to the client's default of 2 seconds.
const connectTimeout = 10 * time.Second

// reconnectWait is short because the servers are on this machine and tests wait for the reconnect.
const reconnectWait = 50 * time.Millisecond

// dial connects to urls with the client options of o, followed by opts, which take precedence.
func dial(urls string, o Options, files *TLSFiles, opts []nats.Option) (*nats.Conn, error) {
	all := append(clientOptions(o, files), opts...)
	nc, err := nats.Connect(urls, all...)
	if err != nil {
		return nil, fmt.Errorf("natslab: connect to %s: %w", urls, err)
	}
	return nc, nil
}

// clientOptions returns the options of a client that connects as the first user.
func clientOptions(o Options, files *TLSFiles) []nats.Option {
	opts := []nats.Option{
		nats.Name("natslab"), nats.Timeout(connectTimeout), nats.MaxReconnects(-1), nats.ReconnectWait(reconnectWait),
	}
	opts = append(opts, tlsOptions(o, files)...)
	switch user := o.firstUser(); {
	case o.Token != "":
		opts = append(opts, nats.Token(o.Token))
	case o.Operator != nil:
		opts = append(opts, o.Operator.clientOption())
	case user.Name != "" && o.NoAuthUser == "":
		opts = append(opts, nats.UserInfo(user.Name, user.Password))
	}
	return append(opts, o.Client...)
}

func tlsOptions(o Options, files *TLSFiles) []nats.Option {
	if files == nil {
		return nil
	}
	opts := []nats.Option{nats.RootCAs(files.CA)}
	if o.VerifyClients {
		opts = append(opts, nats.ClientCert(files.ClientCert, files.ClientKey))
	}
	if o.HandshakeFirst {
		opts = append(opts, nats.TLSHandshakeFirst())
	}
	return opts
}

// firstUser returns the first user of the global account, or else of the first account that has users.
func (o Options) firstUser() User {
	if len(o.Users) > 0 {
		return o.Users[0]
	}
	for _, a := range o.Accounts {
		if len(a.Users) > 0 {
			return a.Users[0]
		}
	}
	return User{}
}
