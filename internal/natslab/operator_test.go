package natslab

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats.go"
)

func newOperator(t *testing.T) *Operator {
	t.Helper()
	op, err := NewOperator("lab")
	if err != nil {
		t.Fatal(err)
	}
	return op
}

func addAccount(t *testing.T, op *Operator, name string, change func(*jwt.AccountClaims)) *OperatorAccount {
	t.Helper()
	a, err := op.AddAccount(name, change)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// credentials returns the option to connect as a new user of the account.
func credentials(t *testing.T, a *OperatorAccount, change func(*jwt.UserClaims)) nats.Option {
	t.Helper()
	creds, err := a.Credentials("user", change)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "user.creds")
	if err := os.WriteFile(file, []byte(creds), 0o600); err != nil {
		t.Fatal(err)
	}
	return nats.UserCredentials(file)
}

func TestOperatorMode(t *testing.T) {
	t.Parallel()
	op := newOperator(t)
	addAccount(t, op, "A", nil)
	limited := addAccount(t, op, "B", func(claims *jwt.AccountClaims) { claims.Limits.Streams = 1 })
	s := Single(t, OperatorMode(op))
	ctx := testContext(t)

	fill(t, newJetStream(t, s.Connect(t)), "DATA", 1, 3) // in account A
	b := newJetStream(t, s.Connect(t, credentials(t, limited, nil)))
	if info, err := b.AccountInfo(ctx); err != nil || info.Limits.MaxStreams != 1 || info.Streams != 0 {
		t.Errorf("account B: %+v, %v", info, err)
	}
	if _, err := nats.Connect(s.ClientURL()); !errors.Is(err, nats.ErrAuthorization) {
		t.Errorf("without credentials: %v", err)
	}
	stranger := addAccount(t, newOperator(t), "A", nil)
	if _, err := s.Dial(credentials(t, stranger, nil)); !errors.Is(err, nats.ErrAuthorization) {
		t.Errorf("an account of another operator: %v", err)
	}
	violations, handler := watchViolations()
	denied := credentials(t, limited, func(claims *jwt.UserClaims) { claims.Pub.Deny.Add("secret") })
	wantRefused(t, s.Connect(t, denied, handler), violations, "secret")
	s.Restart(t)
	if got := messages(t, newJetStream(t, s.Connect(t)), "DATA"); got != 3 {
		t.Errorf("%d messages after the restart, want 3", got)
	}
}

func TestOperatorModeTakesPushedAccounts(t *testing.T) {
	t.Parallel()
	op := newOperator(t)
	s := Single(t, OperatorMode(op))
	// Without other accounts, Dial connects as a user of the system account.
	sys := s.Connect(t)
	late := addAccount(t, op, "LATE", nil)
	if _, err := s.Dial(credentials(t, late, nil)); !errors.Is(err, nats.ErrAuthorization) {
		t.Errorf("before the push: %v", err)
	}
	reply, err := sys.RequestWithContext(testContext(t), "$SYS.REQ.CLAIMS.UPDATE", []byte(late.JWT()))
	if err != nil || !strings.Contains(string(reply.Data), `"code":200`) {
		t.Fatalf("push: %v, %v", reply, err)
	}
	if _, err := newJetStream(t, s.Connect(t, credentials(t, late, nil))).AccountInfo(testContext(t)); err != nil {
		t.Errorf("after the push: %v", err)
	}
}

func TestOperatorModeKeys(t *testing.T) {
	op := newOperator(t)
	claims, err := jwt.DecodeOperatorClaims(op.JWT())
	if err != nil {
		t.Fatal(err)
	}
	if claims.Subject != op.PublicKey() || !claims.SigningKeys.Contains(op.SigningKey()) ||
		claims.SystemAccount != op.SystemAccount().PublicKey() || !strings.HasPrefix(op.SigningKeySeed(), "SO") {
		t.Errorf("operator claims %v", claims)
	}
	a := addAccount(t, op, "A", nil)
	account, err := jwt.DecodeAccountClaims(a.JWT())
	if err != nil {
		t.Fatal(err)
	}
	if account.Subject != a.PublicKey() || account.Issuer != op.SigningKey() ||
		!account.SigningKeys.Contains(a.SigningKey()) || !strings.HasPrefix(a.SigningKeySeed(), "SA") {
		t.Errorf("account claims %v", account)
	}
	_, err = Start(t.Context(), NewOptions(OperatorMode(op), UserPassword("u", "p")))
	if err == nil || !strings.Contains(err.Error(), "operator mode") {
		t.Errorf("operator mode with a user: %v", err)
	}
}

func TestOperatorModeOfClusterAndProcess(t *testing.T) {
	t.Parallel()
	op := newOperator(t)
	addAccount(t, op, "A", nil)
	c := Cluster(t, 3, OperatorMode(op))
	for _, s := range c.Servers() {
		if _, err := newJetStream(t, s.Connect(t)).AccountInfo(testContext(t)); err != nil {
			t.Errorf("%s: %v", s.Name(), err)
		}
	}
	p := Process(t, OperatorMode(op))
	if _, err := newJetStream(t, p.Connect(t)).AccountInfo(testContext(t)); err != nil {
		t.Errorf("process: %v", err)
	}
}
