package natslab

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

func TestSingleRefusesWrongCredentials(t *testing.T) {
	other, err := NewTLSFiles(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	type attempt struct {
		name string
		opts func(f TLSFiles) []nats.Option
		want string
	}
	with := func(opts ...nats.Option) func(TLSFiles) []nats.Option {
		return func(TLSFiles) []nats.Option { return opts }
	}
	const refused = "Authorization Violation"
	tests := []struct {
		name     string
		opts     []Option
		attempts []attempt
	}{
		{"user and password", []Option{UserPassword("u", "p$1")}, []attempt{
			{"none", with(), refused},
			{"wrong password", with(nats.UserInfo("u", "p")), refused},
			{"wrong user", with(nats.UserInfo("v", "p$1")), refused},
		}},
		{"token", []Option{Token("secret")}, []attempt{
			{"none", with(), refused},
			{"wrong token", with(nats.Token("guess")), refused},
		}},
		{"account user", []Option{Accounts(Account{Name: "A", Users: []User{{Name: "a", Password: "b"}}})}, []attempt{
			{"none", with(), refused},
			{"wrong password", with(nats.UserInfo("a", "a")), refused},
		}},
		{"TLS", []Option{TLS()}, []attempt{
			{"no CA", with(), "unknown authority"},
			{"another CA", with(nats.RootCAs(other.CA)), "unknown authority"},
		}},
		{"mutual TLS", []Option{VerifyClients()}, []attempt{
			{"no certificate", func(f TLSFiles) []nats.Option {
				return []nats.Option{nats.RootCAs(f.CA)}
			}, "tls"},
			{"a certificate of another CA", func(f TLSFiles) []nats.Option {
				return []nats.Option{nats.RootCAs(f.CA), nats.ClientCert(other.ClientCert, other.ClientKey)}
			}, "tls"},
		}},
		{"handshake first", []Option{HandshakeFirst()}, []attempt{
			{"INFO first", func(f TLSFiles) []nats.Option {
				return []nats.Option{nats.RootCAs(f.CA), nats.Timeout(100 * time.Millisecond)}
			}, "timeout"},
		}},
		{"mutual TLS and password", []Option{VerifyClients(), UserPassword("u", "p")}, []attempt{
			{"certificate only", func(f TLSFiles) []nats.Option {
				return []nats.Option{nats.RootCAs(f.CA), nats.ClientCert(f.ClientCert, f.ClientKey)}
			}, refused},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := Single(t, tt.opts...)
			if _, err := newJetStream(t, s.Connect(t)).AccountInfo(testContext(t)); err != nil {
				t.Errorf("with the correct credentials: %v", err)
			}
			for _, a := range tt.attempts {
				nc, err := nats.Connect(s.ClientURL(), a.opts(s.TLSFiles())...)
				if err == nil {
					// A TLS 1.3 server verifies a client's certificate after the client has finished its handshake.
					err = nc.FlushTimeout(probeTimeout)
					err = errors.Join(nc.LastError(), err)
					nc.Close()
				}
				if err == nil || !strings.Contains(err.Error(), a.want) {
					t.Errorf("%s: error %v, want one that contains %q", a.name, err, a.want)
				}
			}
		})
	}
}

func TestSingleUsersHaveTheirPermissions(t *testing.T) {
	s := Single(t, Users(
		User{Name: "all", Password: "p"},
		User{Name: "kv", Password: "p", Permissions: &Permissions{
			Publish:   SubjectPermission{Allow: []string{"$KV.a.>", "$JS.API.INFO"}, Deny: []string{"$KV.a.secret"}},
			Subscribe: SubjectPermission{Allow: []string{"_INBOX.>"}},
		}},
	))
	violations, handler := watchViolations()
	nc := s.Connect(t, nats.UserInfo("kv", "p"), handler)
	if _, err := newJetStream(t, nc).AccountInfo(testContext(t)); err != nil {
		t.Errorf("permitted requests: %v", err)
	}
	for _, subject := range []string{"$KV.b.x", "$KV.a.secret", "$JS.API.STREAM.NAMES"} {
		wantRefused(t, nc, violations, subject)
	}
	if err := nc.Publish("$KV.a.x", nil); err != nil {
		t.Fatal(err)
	}
	if err := nc.FlushTimeout(probeTimeout); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-violations:
		t.Errorf("permitted requests: %v", err)
	default:
	}
}

// watchViolations returns a channel with the permission violations of a connection, and the option for the
// connection.
func watchViolations() (<-chan error, nats.Option) {
	violations := make(chan error, 10)
	return violations, nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { violations <- err })
}

func wantRefused(t *testing.T, nc *nats.Conn, violations <-chan error, subject string) {
	t.Helper()
	if err := nc.Publish(subject, nil); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-violations:
		if !errors.Is(err, nats.ErrPermissionViolation) || !strings.Contains(err.Error(), subject) {
			t.Errorf("publish to %s: %v", subject, err)
		}
	case <-testContext(t).Done():
		t.Fatalf("publish to %s was not refused", subject)
	}
}

func TestSingleAccounts(t *testing.T) {
	user := func(name string) []User { return []User{{Name: name, Password: "p"}} }
	s := Single(t, Accounts(
		Account{
			Name: "A", Users: user("a"), JetStream: &JetStreamLimits{MaxStore: new(int64(1 << 20)), MaxStreams: new(int64(1))},
		},
		Account{Name: "B", Users: user("b"), Exports: []Export{{Service: "svc.>", Accounts: []string{"C"}}}},
		Account{
			Name: "C", Users: user("c"), NoJetStream: true, Limits: &AccountLimits{MaxConnections: new(int64(1))},
			Imports: []Import{{Service: &ImportSource{Account: "B", Subject: "svc.x"}, To: "local.x"}},
		},
	))
	ctx := testContext(t)
	as := func(name string) *nats.Conn { return s.Connect(t, nats.UserInfo(name, "p")) }

	a := newJetStream(t, s.Connect(t)) // the first user is a
	info, err := a.AccountInfo(ctx)
	if err != nil || info.Limits.MaxStore != 1<<20 || info.Limits.MaxStreams != 1 || info.Limits.MaxMemory != -1 {
		t.Errorf("limits of A: %+v, %v", info, err)
	}
	fill(t, a, "ONE", 1, 1)
	if _, err := a.CreateStream(ctx, jetstream.StreamConfig{Name: "TWO"}); err == nil {
		t.Error("created a second stream in an account that is limited to one")
	}
	b := as("b")
	if info, err := newJetStream(t, b).AccountInfo(ctx); err != nil || info.Limits.MaxStore != -1 {
		t.Errorf("limits of B: %+v, %v", info, err)
	}
	c := as("c")
	if _, err := newJetStream(t, c).AccountInfo(ctx); !errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount) {
		t.Errorf("JetStream in C: %v", err)
	}
	_, err = b.Subscribe("svc.x", func(m *nats.Msg) { _ = m.Respond([]byte("from B")) })
	if err != nil {
		t.Fatal(err)
	}
	if err := b.FlushTimeout(probeTimeout); err != nil {
		t.Fatal(err)
	}
	if reply, err := c.RequestWithContext(ctx, "local.x", nil); err != nil || string(reply.Data) != "from B" {
		t.Errorf("request across accounts: %v, %v", reply, err)
	}
	if _, err := s.Dial(nats.UserInfo("c", "p")); !errors.Is(err, nats.ErrMaxAccountConnectionsExceeded) {
		t.Errorf("second connection to an account that is limited to one: %v", err)
	}
}
