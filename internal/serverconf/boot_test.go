package serverconf

import (
	"context"
	"crypto/x509"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nkeys"

	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// startTimeout is generous for CI machines.
const startTimeout = 60 * time.Second

// boot starts a real server with a configuration written to a file.
func boot(t *testing.T, config Config) *server.Server {
	t.Helper()
	return natslab.Configured(t, render(t, config))
}

func connect(t *testing.T, config Config, options ...nats.Option) *nats.Conn {
	t.Helper()
	nc, err := nats.Connect("nats://"+config.Listen, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}

func createBucket(ctx context.Context, js jetstream.JetStream, replicas int) (jetstream.KeyValue, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	return js.CreateKeyValue(ctx, jetstream.KeyValueConfig{Bucket: "b", Replicas: replicas})
}

// writeBucket creates a bucket, puts a key into it and gets it again.
func writeBucket(t *testing.T, nc *nats.Conn, domain string, replicas int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	js, err := jetstream.New(nc)
	if domain != "" {
		js, err = jetstream.NewWithDomain(nc, domain)
	}
	if err != nil {
		t.Fatal(err)
	}
	kv, err := createBucket(ctx, js, replicas)
	for err != nil { // a cluster that has just started has no leader yet and does not answer
		if ctx.Err() != nil {
			t.Fatal(err)
		}
		kv, err = createBucket(ctx, js, replicas)
	}
	if _, err := kv.PutString(ctx, "k", "v"); err != nil {
		t.Fatal(err)
	}
	if entry, err := kv.Get(ctx, "k"); err != nil || string(entry.Value()) != "v" {
		t.Fatalf("%v, %v", entry, err)
	}
}

func TestBootJetStream(t *testing.T) {
	dir := t.TempDir()
	config := Config{
		Listen: natslab.FreeAddress(t), HTTP: natslab.FreeAddress(t), ServerName: "nats-1", Tags: []string{"region:eu"},
		MaxPayload: new(int64(2 << 20)),
		LogFile:    filepath.Join(dir, "nats.log"), PIDFile: filepath.Join(dir, "nats.pid"),
		JetStream: &JetStream{StoreDir: dir + `/a "quoted" $1`, Domain: "hub", MaxFileStore: new(int64(1 << 30)),
			MaxMemoryStore: new(int64(0)),
			Limits:         &Limits{DefaultMaxConsumers: new(int64(5000))}},
	}
	s := boot(t, config)
	natslab.AwaitConfigured(t, s)
	nc := connect(t, config)
	if nc.MaxPayload() != 2<<20 || nc.ConnectedServerName() != "nats-1" {
		t.Errorf("the server is %s, with payloads up to %d", nc.ConnectedServerName(), nc.MaxPayload())
	}
	writeBucket(t, nc, "hub", 1)
	if _, err := os.Stat(filepath.Join(config.JetStream.StoreDir, "jetstream")); err != nil {
		t.Error(err)
	}
	log, err := os.ReadFile(config.LogFile)
	if err != nil || !strings.Contains(string(log), "Server is ready") {
		t.Errorf("the log is %q, %v", log, err)
	}
	conn, err := net.Dial("tcp", config.HTTP)
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
}

func TestBootTLS(t *testing.T) {
	files, err := natslab.NewTLSFiles(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	config := Config{
		Listen: natslab.FreeAddress(t),
		TLS: &TLS{CertFile: files.ServerCert, KeyFile: files.ServerKey, CAFile: files.CA, Verify: true,
			HandshakeFirst: "true",
			MinVersion:     "1.3", Timeout: 20 * time.Second},
	}
	natslab.AwaitConfigured(t, boot(t, config))
	trust := nats.RootCAs(files.CA)
	nc := connect(t, config, trust, nats.ClientCert(files.ClientCert, files.ClientKey), nats.TLSHandshakeFirst())
	if state, err := nc.TLSConnectionState(); err != nil || state.Version != 0x0304 {
		t.Errorf("TLS %x, %v", state.Version, err)
	}
	for name, options := range map[string][]nats.Option{
		"no certificate": {trust, nats.TLSHandshakeFirst()},
		"no TLS first":   {trust, nats.ClientCert(files.ClientCert, files.ClientKey), nats.Timeout(time.Second)},
	} {
		if nc, err := nats.Connect("nats://"+config.Listen, options...); err == nil {
			nc.Close()
			t.Errorf("%s: connected", name)
		}
	}
}

// inOperatorMode returns the configuration with addresses and directories of this machine.
func inOperatorMode(t *testing.T, o *natslab.Operator, kind string) Config {
	t.Helper()
	config := operatorMode(o, kind)
	config.Listen = natslab.FreeAddress(t)
	config.JetStream = &JetStream{StoreDir: t.TempDir()}
	if config.Resolver.Dir != "" {
		config.Resolver.Dir = filepath.Join(t.TempDir(), "jwt")
	}
	return config
}

func user(t *testing.T, a *natslab.OperatorAccount) nats.Option {
	t.Helper()
	creds, err := a.Credentials("u", nil)
	if err != nil {
		t.Fatal(err)
	}
	return nats.UserCredentialBytes([]byte(creds))
}

// push pushes an account and returns the server's answer.
func push(t *testing.T, nc *nats.Conn, account string) string {
	t.Helper()
	answer, err := nc.Request("$SYS.REQ.CLAIMS.UPDATE", []byte(account), time.Minute)
	if err != nil {
		return err.Error()
	}
	return string(answer.Data)
}

func TestBootFullResolver(t *testing.T) {
	o := newOperator(t)
	config := inOperatorMode(t, o, Full)
	natslab.AwaitConfigured(t, boot(t, config))
	system := connect(t, config, user(t, o.SystemAccount()))
	account, err := o.AddAccount("a", nil)
	if err != nil {
		t.Fatal(err)
	}
	if nc, err := nats.Connect("nats://"+config.Listen, user(t, account)); err == nil {
		nc.Close()
		t.Fatal("connected as a user of an account that was not pushed")
	}
	if answer := push(t, system, account.JWT()); !strings.Contains(answer, `"code":200`) {
		t.Fatalf("the answer is %s", answer)
	}
	writeBucket(t, connect(t, config, user(t, account)), "", 1)
	if _, err := os.Stat(filepath.Join(config.Resolver.Dir, account.PublicKey()+".jwt")); err != nil {
		t.Error(err)
	}
}

func TestBootMemoryResolver(t *testing.T) {
	o := newOperator(t)
	account, err := o.AddAccount("a", nil)
	if err != nil {
		t.Fatal(err)
	}
	later, err := o.AddAccount("later", nil)
	if err != nil {
		t.Fatal(err)
	}
	config := inOperatorMode(t, o, Memory)
	config.Resolver.Preload[account.PublicKey()] = account.JWT()
	natslab.AwaitConfigured(t, boot(t, config))
	writeBucket(t, connect(t, config, user(t, account)), "", 1)
	if answer := push(t, connect(t, config, user(t, o.SystemAccount())), later.JWT()); strings.Contains(answer,
		`"code":200`) {
		t.Errorf("a memory resolver accepted an account: %s", answer)
	}
}

// A cache resolver fetches accounts from a server of its cluster with a full resolver.
func TestBootCacheResolver(t *testing.T) {
	o := newOperator(t)
	account, err := o.AddAccount("a", nil)
	if err != nil {
		t.Fatal(err)
	}
	configs := []Config{inOperatorMode(t, o, Full), inOperatorMode(t, o, Cache)}
	joined(t, configs)
	for i := range configs {
		configs[i].JetStream = nil
	}
	servers := []*server.Server{boot(t, configs[0]), boot(t, configs[1])}
	for _, s := range servers {
		natslab.AwaitConfigured(t, s)
	}
	routed(t, servers)
	if answer := push(t, connect(t, configs[0], user(t, o.SystemAccount())), account.JWT()); !strings.Contains(answer,
		`"code":200`) {
		t.Fatalf("the answer is %s", answer)
	}
	connect(t, configs[1], user(t, account))
}

// joined configures the servers as a cluster that authenticates its servers with certificates.
func joined(t *testing.T, configs []Config) {
	t.Helper()
	cert, key := clusterCertificate(t)
	routes := make([]string, len(configs))
	addresses := make([]string, len(configs))
	for i := range configs {
		addresses[i] = natslab.FreeAddress(t)
		routes[i] = "nats://" + addresses[i]
	}
	for i := range configs {
		configs[i].ServerName = fmt.Sprintf("nats-%d", i+1)
		configs[i].Cluster = &Cluster{
			Name: "lab", Listen: addresses[i], Routes: slices.Clone(routes),
			TLS: &TLS{CertFile: cert, KeyFile: key, CAFile: copyOf(t, cert), Timeout: 20 * time.Second},
		}
	}
}

// clusterCertificate returns the files of a self-signed certificate with which a server of a cluster can both accept
// and create routes.
func clusterCertificate(t *testing.T) (cert, key string) {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	texts, err := selfSigned(template)
	if err != nil {
		t.Fatal(err)
	}
	files, err := writeCertificate(t.TempDir(), texts)
	if err != nil {
		t.Fatal(err)
	}
	return files.cert, files.key
}

func copyOf(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(other, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return other
}

// routed waits until each server has routes to all others.
func routed(t *testing.T, servers []*server.Server) {
	t.Helper()
	deadline := time.After(startTimeout)
	for _, s := range servers {
		for s.NumRoutes() == 0 {
			select {
			case <-deadline:
				t.Fatalf("%s has no routes", s.Name())
			case <-time.After(20 * time.Millisecond):
			}
		}
	}
}

func TestBootCluster(t *testing.T) {
	configs := make([]Config, 3)
	for i := range configs {
		configs[i] = Config{
			Listen: natslab.FreeAddress(t), Tags: []string{fmt.Sprintf("az:%d", i)},
			JetStream: &JetStream{StoreDir: t.TempDir(), UniqueTag: "az:"},
		}
	}
	joined(t, configs)
	servers := make([]*server.Server, len(configs))
	for i, config := range configs {
		servers[i] = boot(t, config)
	}
	for _, s := range servers {
		natslab.AwaitConfigured(t, s)
	}
	routed(t, servers)
	writeBucket(t, connect(t, configs[1]), "", 3)
}

// The warning about an expired operator says that the server starts anyway.
func TestBootExpiredOperator(t *testing.T) {
	config := Config{Operator: expiredOperator(t), SystemAccount: newKey(nkeys.PrefixByteAccount),
		Resolver: &Resolver{Type: Full, Dir: t.TempDir()}, Listen: natslab.FreeAddress(t)}
	if problems := config.CheckFields(); len(problems) != 1 || problems[0].Path.String() != "operator" {
		t.Errorf("the check returned %v", problems)
	}
	natslab.AwaitConfigured(t, natslab.Configured(t, config.write().b.String()))
}
