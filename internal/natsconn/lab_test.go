package natsconn

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nkeys"

	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

func TestMain(m *testing.M) { natslab.Main(m) }

// testContext bounds what a test waits for.
func testContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// newTestClient returns a client without an environment that is closed with the test.
func newTestClient(t *testing.T, settings Settings) *Client {
	t.Helper()
	client := NewClient(settings, nil)
	t.Cleanup(client.Close)
	return client
}

// variables is an environment with just these variables.
func variables(env map[string]string) Environment {
	return func(name string) string { return env[name] }
}

// newOperator returns an operator with one account.
func newOperator(t *testing.T) (*natslab.Operator, *natslab.OperatorAccount) {
	t.Helper()
	operator, err := natslab.NewOperator("lab")
	if err != nil {
		t.Fatal(err)
	}
	account, err := operator.AddAccount("A", nil)
	if err != nil {
		t.Fatal(err)
	}
	return operator, account
}

// newCredentials returns the credentials of a new user of the account.
func newCredentials(t *testing.T, account *natslab.OperatorAccount) string {
	t.Helper()
	credentials, err := account.Credentials("user", nil)
	if err != nil {
		t.Fatal(err)
	}
	return credentials
}

// newSeed returns a new key pair's seed and public key.
func newSeed(t *testing.T, create func() (nkeys.KeyPair, error)) (seed, public string) {
	t.Helper()
	pair, err := create()
	if err != nil {
		t.Fatal(err)
	}
	text, err := pair.Seed()
	if err != nil {
		t.Fatal(err)
	}
	if public, err = pair.PublicKey(); err != nil {
		t.Fatal(err)
	}
	return string(text), public
}

// writeFile writes a file that is removed with the test, and returns its path.
func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// readFile returns the text of a file.
func readFile(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// contexts is a directory of NATS CLI contexts, in use until the test ends.
type contexts struct{ dir string }

func newContexts(t *testing.T) contexts {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", dir)
	return contexts{filepath.Join(dir, "nats")}
}

// add writes a context with these fields, and returns the path of its file.
func (c contexts) add(t *testing.T, name string, fields map[string]any) string {
	t.Helper()
	text, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	return c.write(t, filepath.Join("context", name+".json"), string(text))
}

// selectContext does what `nats context select` does.
func (c contexts) selectContext(t *testing.T, name string) {
	t.Helper()
	c.write(t, "context.txt", name)
}

func (c contexts) write(t *testing.T, name, text string) string {
	t.Helper()
	file := filepath.Join(c.dir, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
