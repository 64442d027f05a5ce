package acctest

import (
	"archive/zip"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
)

// Key is a key pair.
type Key struct{ Public, Seed string }

// NewKey creates a key pair.
func NewKey(t *testing.T, kind natsconn.KeyKind) Key {
	t.Helper()
	public, seed, err := claims.NewKey(kind)
	if err != nil {
		t.Fatal(err)
	}
	return Key{Public: public, Seed: seed}
}

// Unzip returns the text of the files in an archive, such as a saved plan: all files, or only those named.
func Unzip(t *testing.T, archive string, names ...string) string {
	t.Helper()
	r, err := zip.OpenReader(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var all strings.Builder
	for _, entry := range r.File {
		if len(names) > 0 && !slices.Contains(names, entry.Name) {
			continue
		}
		file, err := entry.Open()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(&all, file); err != nil {
			t.Fatal(err)
		}
		_ = file.Close()
	}
	if all.Len() == 0 {
		t.Fatalf("%s contains no text", archive)
	}
	return all.String()
}
