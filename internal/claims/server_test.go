package claims

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// claimsLab is a server in operator mode, and what signs its accounts.
type claimsLab struct {
	server *natslab.Server
	system *nats.Conn
	signer *Signer
}

func newClaimsLab(t *testing.T) *claimsLab {
	t.Helper()
	op, err := natslab.NewOperator("lab")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := NewOperatorSigner(op.SigningKeySeed())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(signer.Close)
	s := natslab.Single(t, natslab.OperatorMode(op))
	return &claimsLab{server: s, system: s.Connect(t), signer: signer}
}

// push signs an account, gives it to the server, and returns what that says.
func (l *claimsLab) push(t *testing.T, a *Account) string {
	t.Helper()
	token, err := a.Sign(t.Context(), l.signer, SystemClock{}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	reply, err := l.system.RequestWithContext(ctx, "$SYS.REQ.CLAIMS.UPDATE", []byte(token))
	if err != nil {
		t.Fatal(err)
	}
	return string(reply.Data)
}

// connect signs a user with limits and connects as it.
func (l *claimsLab) connect(t *testing.T, account string, signer *Signer, limits UserLimits) (*nats.Conn, error) {
	t.Helper()
	public, seed, err := NewKey(natsconn.UserKey)
	if err != nil {
		t.Fatal(err)
	}
	u := &User{Claims: Claims{PublicKey: public, Name: "u"}, UserLimits: limits, IssuerAccount: account}
	return l.connectAs(t, u, seed, signer)
}

// connectAs signs a user, whose seed this is, and connects as it.
func (l *claimsLab) connectAs(t *testing.T, u *User, seed string, signer *Signer) (*nats.Conn, error) {
	t.Helper()
	if problems := u.Problems(); len(problems) > 0 {
		t.Fatal(problems)
	}
	token, err := u.Sign(t.Context(), signer, SystemClock{}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	pair, err := nkeys.FromSeed([]byte(seed))
	if err != nil {
		t.Fatal(err)
	}
	c, err := l.server.Dial(nats.UserJWT(func() (string, error) { return token, nil }, pair.Sign),
		nats.Timeout(time.Minute),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
	if err == nil {
		t.Cleanup(c.Close)
	}
	return c, err
}

// What has no problem, nats-server takes; and what it refuses has one.
func TestServerAgreesAboutAccounts(t *testing.T) {
	l, k := newClaimsLab(t), newKeys(t)
	good := func() *Account {
		a := goodAccount(k)
		a.PublicKey = newPublic(t, natsconn.AccountKey)
		a.NotBefore, a.Expires = time.Time{}, time.Time{}
		return a
	}
	if reply := l.push(t, good()); !strings.Contains(reply, `"code":200`) {
		t.Errorf("a good account: %s", reply)
	}
	for name, change := range map[string]func(a *Account){
		"a subject with a space":  func(a *Account) { a.Exports[1].Subject = "a b" },
		"exports that overlap":    func(a *Account) { a.Exports = append(a.Exports, Export{Subject: "orders.x", Type: Stream}) },
		"a destination twice":     func(a *Account) { a.Mappings["t.>"] = []Destination{{"u.>", 1, ""}, {"u.>", 1, "eu"}} },
		"a wildcard out of range": func(a *Account) { a.Mappings["t.>"] = []Destination{{"u.$1.>", 1, ""}} },
		"an unknown function":     func(a *Account) { a.Mappings["t.*"] = []Destination{{"u.{{upper(1)}}", 1, ""}} },
		"weights of 110":          func(a *Account) { a.Mappings["t.*"] = []Destination{{"u.$1", 60, "eu"}, {"v.$1", 50, "eu"}} },
		"flat limits and tiers":   func(a *Account) { a.Tiers = map[string]JetStream{"": {}} },
		"a reference missing":     func(a *Account) { a.Imports[0].LocalSubject = "local" },
		"services that overlap":   func(a *Account) { a.Imports[4].To = "local.*" },
		"auth users":              func(a *Account) { a.Authorization.AuthUsers[0] = k.account },
		"too many imports":        func(a *Account) { a.Limits.Imports = new(int64(1)) },
		"a trace to a wildcard":   func(a *Account) { a.Trace.Destination = "a.>" },
		"cluster traffic":         func(a *Account) { a.ClusterTraffic = "x" },
	} {
		t.Run(name, func(t *testing.T) {
			a := good()
			change(a)
			if reply := l.push(t, a); strings.Contains(reply, `"code":200`) {
				t.Errorf("the server takes it: %s", reply)
			}
			if len(a.Problems()) == 0 {
				t.Error("it has no problem")
			}
		})
	}
}

func TestServerTakesUsersOfScopedKeys(t *testing.T) {
	l := newClaimsLab(t)
	scoped, plain := newSigner(t, natsconn.AccountKey), newSigner(t, natsconn.AccountKey)
	a := &Account{
		Claims: Claims{PublicKey: newPublic(t, natsconn.AccountKey), Name: "A"},
		SigningKeys: []SigningKey{{PublicKey: plain.PublicKey()}, {PublicKey: scoped.PublicKey(), Scope: &Scope{
			Role: "r", Template: UserLimits{Permissions: Permissions{Publish: Permission{Allow: []string{"only.{{name()}}"}}}},
		}}},
	}
	if problems := a.Problems(); len(problems) > 0 {
		t.Fatal(problems)
	}
	if reply := l.push(t, a); !strings.Contains(reply, `"code":200`) {
		t.Fatal(reply)
	}
	for name, c := range map[string]struct {
		signer *Signer
		limits UserLimits
		ok     bool
	}{
		"scoped":                  {scoped, ScopedUserLimits(), true},
		"scoped, but with limits": {scoped, UserLimits{}, false},
		"plain":                   {plain, UserLimits{}, true},
		"of another account":      {newSigner(t, natsconn.AccountKey), UserLimits{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := l.connect(t, a.PublicKey, c.signer, c.limits); (err == nil) != c.ok {
				t.Errorf("connecting: %v", err)
			}
		})
	}
	nc, err := l.connect(t, a.PublicKey, scoped, ScopedUserLimits())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		subject string
		allowed bool
	}{{"only.u", true}, {"only.v", false}} {
		if err := nc.Publish(c.subject, nil); err != nil {
			t.Fatal(err)
		}
		if err := nc.FlushTimeout(time.Minute); err != nil {
			t.Fatal(err)
		}
		if err := nc.LastError(); (err == nil) != c.allowed {
			t.Errorf("%s: %v", c.subject, err)
		}
	}
}

func TestServerTakesActivations(t *testing.T) {
	l := newClaimsLab(t)
	signing := newSigner(t, natsconn.AccountKey)
	exporter := &Account{
		Claims:      Claims{PublicKey: newPublic(t, natsconn.AccountKey), Name: "E"},
		Exports:     []Export{{Subject: "ask.*", Type: Service, TokenRequired: true}},
		SigningKeys: []SigningKey{{PublicKey: signing.PublicKey()}},
	}
	importing := newSigner(t, natsconn.AccountKey)
	importer := &Account{
		Claims:      Claims{PublicKey: newPublic(t, natsconn.AccountKey), Name: "I"},
		Imports:     []Import{{Subject: "ask.*", Type: Service, Account: exporter.PublicKey, LocalSubject: "there.$1"}},
		SigningKeys: []SigningKey{{PublicKey: importing.PublicKey()}},
	}
	activation := &Activation{Claims: Claims{PublicKey: importer.PublicKey}, Subject: "ask.*", Type: Service,
		IssuerAccount: exporter.PublicKey}
	token, err := activation.Sign(t.Context(), signing, SystemClock{}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	importer.Imports[0].Token = token
	for _, a := range []*Account{exporter, importer} {
		if problems := a.Problems(); len(problems) > 0 {
			t.Fatal(problems)
		}
		if reply := l.push(t, a); !strings.Contains(reply, `"code":200`) {
			t.Fatal(reply)
		}
	}
	server, err := l.connect(t, exporter.PublicKey, signing, UserLimits{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := server.Subscribe("ask.*", func(m *nats.Msg) { _ = m.Respond([]byte(m.Subject)) }); err != nil {
		t.Fatal(err)
	}
	if err := server.FlushTimeout(time.Minute); err != nil {
		t.Fatal(err)
	}
	client, err := l.connect(t, importer.PublicKey, importing, UserLimits{})
	if err != nil {
		t.Fatal(err)
	}
	reply, err := client.Request("there.me", nil, time.Minute)
	if err != nil || string(reply.Data) != "ask.me" {
		t.Errorf("got %v, %v", reply, err)
	}
}
