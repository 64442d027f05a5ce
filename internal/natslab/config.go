package natslab

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strconv"

	"github.com/nats-io/nats-server/v2/server"
)

const loopback = "127.0.0.1"

// serverConfig is a nats-server configuration. It is written as JSON, which is a subset of the server's configuration
// syntax, and read by the server's own parser: some settings (the JetStream limits of an account) cannot be set in
// any other way, and a child process gets the same text as a server in this process.
type serverConfig struct {
	ServerName    string                   `json:"server_name"`
	Listen        string                   `json:"listen"`
	Tags          []string                 `json:"server_tags,omitempty"`
	JetStream     *jetStreamConfig         `json:"jetstream,omitempty"`
	TLS           *tlsConfig               `json:"tls,omitempty"`
	Authorization *authorizationConfig     `json:"authorization,omitempty"`
	Accounts      map[string]accountConfig `json:"accounts,omitempty"`
	NoAuthUser    string                   `json:"no_auth_user,omitempty"`
	Operator      string                   `json:"operator,omitempty"`
	Resolver      any                      `json:"resolver,omitempty"`
	Preload       map[string]string        `json:"resolver_preload,omitempty"`
	Cluster       *clusterConfig           `json:"cluster,omitempty"`
	Gateway       *gatewayConfig           `json:"gateway,omitempty"`
	LeafNodes     *leafConfig              `json:"leafnodes,omitempty"`
}

type jetStreamConfig struct {
	StoreDir  string `json:"store_dir"`
	Domain    string `json:"domain,omitempty"`
	MaxStore  int64  `json:"max_file_store,omitempty"`
	MaxMemory int64  `json:"max_memory_store,omitempty"`
}

type tlsConfig struct {
	Cert           string `json:"cert_file"`
	Key            string `json:"key_file"`
	CA             string `json:"ca_file"`
	Verify         bool   `json:"verify,omitempty"`
	HandshakeFirst bool   `json:"handshake_first,omitempty"`
	Timeout        int    `json:"timeout"`
}

type authorizationConfig struct {
	Token string `json:"token,omitempty"`
	Users []User `json:"users,omitempty"`
}

type accountConfig struct {
	Users     []User         `json:"users,omitempty"`
	JetStream any            `json:"jetstream,omitempty"`
	Limits    *AccountLimits `json:"limits,omitempty"`
	Exports   []Export       `json:"exports,omitempty"`
	Imports   []Import       `json:"imports,omitempty"`
}

type clusterConfig struct {
	Name   string   `json:"name"`
	Listen string   `json:"listen"`
	Routes []string `json:"routes,omitempty"`
}

type gatewayConfig struct {
	Name     string          `json:"name"`
	Listen   string          `json:"listen"`
	Gateways []remoteGateway `json:"gateways,omitempty"`
}

type remoteGateway struct {
	Name string   `json:"name"`
	URLs []string `json:"urls"`
}

type leafConfig struct {
	Listen  string       `json:"listen,omitempty"`
	Remotes []LeafRemote `json:"remotes,omitempty"`
}

// text returns the configuration as text for the server's parser.
func (c serverConfig) text() (string, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	// The server's syntax has no \u escapes, and a subject may contain a >.
	enc.SetEscapeHTML(false)
	if err := enc.Encode(c); err != nil {
		return "", err
	}
	return b.String(), nil
}

// node holds the settings that differ between the servers of a topology.
type node struct {
	name     string
	storeDir string
	ports    ports
	cluster  *clusterConfig
	gateway  *gatewayConfig
	tags     []string
}

// config returns the configuration of one server.
func (o Options) config(n node, files *TLSFiles) (serverConfig, error) {
	c := serverConfig{
		ServerName: n.name,
		Listen:     address(n.ports.client.number),
		Tags:       append(n.tags, o.Tags...),
		NoAuthUser: o.NoAuthUser,
		Cluster:    n.cluster,
		Gateway:    n.gateway,
	}
	if !o.NoJetStream {
		c.JetStream = &jetStreamConfig{
			StoreDir: n.storeDir, Domain: o.Domain, MaxStore: o.MaxStore, MaxMemory: o.MaxMemory,
		}
	}
	if files != nil {
		c.TLS = &tlsConfig{
			Cert: files.ServerCert, Key: files.ServerKey, CA: files.CA,
			Verify: o.VerifyClients, HandshakeFirst: o.HandshakeFirst,
			// The server's default of two seconds is too short on a machine that runs several test packages in
			// parallel.
			Timeout: 10,
		}
	}
	if o.Token != "" || len(o.Users) > 0 {
		c.Authorization = &authorizationConfig{Token: o.Token, Users: o.Users}
	}
	if err := c.addAccounts(o); err != nil {
		return serverConfig{}, err
	}
	if err := c.addOperator(o, filepath.Join(n.storeDir, "jwt")); err != nil {
		return serverConfig{}, err
	}
	if o.LeafNodes || len(o.LeafRemotes) > 0 {
		c.LeafNodes = &leafConfig{Remotes: o.LeafRemotes}
		if o.LeafNodes {
			c.LeafNodes.Listen = address(n.ports.leaf.number)
		}
	}
	return c, nil
}

func (c *serverConfig) addAccounts(o Options) error {
	accounts := make(map[string]accountConfig, len(o.Accounts)+1)
	for _, a := range o.Accounts {
		if a.Name == "" {
			return errors.New("natslab: an account has no name")
		}
		if _, ok := accounts[a.Name]; ok {
			return fmt.Errorf("natslab: account %q is configured twice", a.Name)
		}
		ac := accountConfig{Users: a.Users, Limits: a.Limits, Exports: a.Exports, Imports: a.Imports}
		switch {
		case a.NoJetStream || o.NoJetStream:
		case a.JetStream != nil:
			ac.JetStream = a.JetStream
		default:
			ac.JetStream = true
		}
		accounts[a.Name] = ac
	}
	if o.SystemUser.Name != "" {
		if _, ok := accounts[server.DEFAULT_SYSTEM_ACCOUNT]; ok {
			return errors.New("natslab: SystemUser conflicts with the configured system account")
		}
		accounts[server.DEFAULT_SYSTEM_ACCOUNT] = accountConfig{Users: []User{o.SystemUser}}
	}
	if len(accounts) > 0 {
		c.Accounts = accounts
	}
	return nil
}

// serverOptions parses texts in order with the server's own parser.
func serverOptions(texts []string) (*server.Options, error) {
	// Signals are handled by the program that uses the lab, not by the server.
	opts := &server.Options{NoSigs: true, DisableJetStreamBanner: true}
	for _, text := range texts {
		if err := opts.ProcessConfigString(text); err != nil {
			return nil, fmt.Errorf("natslab: configuration: %w", err)
		}
	}
	return opts, nil
}

func address(port int) string { return net.JoinHostPort(loopback, strconv.Itoa(port)) }

// storeDir returns the directory in which a server stores its streams: a subdirectory of dir, unless the options set
// one. If the topology has several servers, each uses its own subdirectory.
func (o Options) storeDir(dir, name string, several bool) string {
	switch {
	case o.StoreDir == "":
		return filepath.Join(dir, "store", name)
	case several:
		return filepath.Join(o.StoreDir, name)
	default:
		return o.StoreDir
	}
}
