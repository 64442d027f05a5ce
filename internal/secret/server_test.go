package secret_test

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

func TestFromServer(t *testing.T) {
	for text, want := range map[string]string{
		"":                                 "",
		"stream not found":                 "stream not found",
		"Ä, 東京 🚀":                          "Ä, 東京 🚀",
		"two\r\nlines\tand\u2028more":      "two  lines and more",
		"\x1b[31mred\x00\u202e\u200b\xff":  "\ufffd[31mred\ufffd\ufffd\ufffd\ufffd",
		strings.Repeat("x", 500):           strings.Repeat("x", 500),
		strings.Repeat("東", 10<<20) + "\n": strings.Repeat("東", 500) + "…",
	} {
		if got := secret.FromServer(text); got != want || !utf8.ValidString(got) {
			t.Errorf("%.80q: %.80q, not %.80q", text, got, want)
		}
	}
	cause := errors.New("nats: 'x'\nis not known")
	if err := error(&secret.ServerError{Err: cause}); err.Error() != "nats: 'x' is not known" || !errors.Is(err, cause) {
		t.Errorf("%q", err)
	}
}
