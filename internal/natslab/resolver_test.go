package natslab

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats.go"
)

// system connects to a server as a new user of the operator's system account.
func system(t *testing.T, s *Server, op *Operator) *nats.Conn {
	t.Helper()
	return s.Connect(t, credentials(t, op.SystemAccount(), nil))
}

// pushTo pushes an account through a server and returns the first answer.
func pushTo(t *testing.T, nc *nats.Conn, a *OperatorAccount) string {
	t.Helper()
	answer, err := nc.RequestWithContext(testContext(t), "$SYS.REQ.CLAIMS.UPDATE", []byte(a.JWT()))
	if err != nil {
		t.Fatal(err)
	}
	return string(answer.Data)
}

// storedIn returns the JWT of an account in the directory of one server.
func storedIn(s *Server, a *OperatorAccount) (string, error) {
	resolver := s.NATSServer().AccountResolver()
	directory, ok := resolver.(interface {
		LoadAcc(publicKey string) (string, error)
	})
	if !ok {
		return "", fmt.Errorf("a resolver of type %T", resolver)
	}
	return directory.LoadAcc(a.PublicKey())
}

func TestResolverOfClusterKeepsAccountsOnEachServer(t *testing.T) {
	t.Parallel()
	op := newOperator(t)
	c := Cluster(t, 3, OperatorMode(op), NoJetStream(), ResolverMode(Resolver{Interval: 200 * time.Millisecond}))
	down := c.Servers()[2]
	down.Shutdown()
	late := addAccount(t, op, "LATE", nil)
	nc := system(t, c.Servers()[0], op)
	if got := pushTo(t, nc, late); !strings.Contains(got, `"code":200`) {
		t.Fatal(got)
	}
	if err := down.Start(testContext(t)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the account on "+down.Name(), func() error {
		stored, err := storedIn(down, late)
		if err == nil && stored != late.JWT() {
			err = errors.New("another JWT")
		}
		return err
	})
	c.Restart(t)
	for _, s := range c.Servers() {
		if stored, err := storedIn(s, late); err != nil || stored != late.JWT() {
			t.Errorf("%s after a restart: %q, %v", s.Name(), stored, err)
		}
	}
}

func TestResolverTypes(t *testing.T) {
	t.Parallel()
	const list, lookup, update, remove = "$SYS.REQ.CLAIMS.LIST", "$SYS.REQ.ACCOUNT.%s.CLAIMS.LOOKUP",
		"$SYS.REQ.CLAIMS.UPDATE", "$SYS.REQ.CLAIMS.DELETE"
	tests := []struct {
		name     string
		resolver Resolver
		// answers are the requests that get an answer.
		answers []string
	}{
		{"full", Resolver{}, []string{list, lookup, update, remove}},
		{"full without delete", Resolver{NoDelete: true}, []string{list, lookup, update, remove}},
		{"cache", Resolver{Type: CacheResolver}, []string{list, update, remove}},
		{"memory", Resolver{Type: MemoryResolver}, nil},
		{"URL", Resolver{URL: "x"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			op := newOperator(t)
			a := addAccount(t, op, "A", nil)
			if tt.resolver.URL != "" {
				tt.resolver.URL = accountServer(t, op.SystemAccount(), a)
			}
			nc := system(t, Single(t, OperatorMode(op), ResolverMode(tt.resolver), NoJetStream()), op)
			for _, subject := range []string{list, lookup, update, remove} {
				subject, want := strings.Replace(subject, "%s", a.PublicKey(),
					1), strings.Contains(strings.Join(tt.answers, " "), subject)
				answer, err := nc.RequestWithContext(testContext(t), subject, []byte(a.JWT()))
				if errors.Is(err, nats.ErrNoResponders) == want || err != nil && !errors.Is(err, nats.ErrNoResponders) {
					t.Errorf("%s: %v, %v; want an answer: %v", subject, answer, err, want)
				}
			}
		})
	}
	if _, err := Start(t.Context(),
		NewOptions(OperatorMode(newOperator(t)), ResolverMode(Resolver{Type: "nsc"}))); err == nil {
		t.Error("accepted a resolver of an unknown type")
	}
}

// accountServer serves accounts to a URL resolver, and returns its URL.
func accountServer(t *testing.T, accounts ...*OperatorAccount) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, a := range accounts {
			if path.Base(r.URL.Path) == a.PublicKey() {
				_, _ = w.Write([]byte(a.JWT()))
			}
		}
	}))
	t.Cleanup(s.Close)
	return s.URL + "/jwt/v1/accounts/"
}

func TestOperatorClaims(t *testing.T) {
	op, err := NewOperator("strict", func(claims *jwt.OperatorClaims) { claims.StrictSigningKeyUsage = true })
	if err != nil {
		t.Fatal(err)
	}
	claims, err := jwt.DecodeOperatorClaims(op.JWT())
	if err != nil || !claims.StrictSigningKeyUsage {
		t.Errorf("%v, %v", claims, err)
	}
	if !strings.HasPrefix(op.IdentitySeed(), "SO") || op.IdentitySeed() == op.SigningKeySeed() {
		t.Error("not the seed of the identity")
	}
}
