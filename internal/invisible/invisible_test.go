package invisible_test

import (
	"testing"

	"github.com/nats-k3s/terraform-provider-nats/internal/invisible"
)

func TestCheck(t *testing.T) {
	for text, want := range map[string]string{
		"":                       "",
		"Team Ä, 東京 & Co.":       "",
		"emoji 🚀":                "",
		"a\n":                    "it ends with a line break: remove it, for example with trimspace()",
		"a\r\n":                  "it ends with a line break: remove it, for example with trimspace()",
		"\ta":                    "it starts with a tab: remove it, for example with trimspace()",
		" a":                     "it starts with a space: remove it, for example with trimspace()",
		"a ":                     "it ends with a space: remove it, for example with trimspace()",
		"\ufeffa":                "it starts with a byte order mark (U+FEFF): remove it",
		"a\u00a0":                "it ends with a non-breaking space (U+00A0): remove it, for example with trimspace()",
		"a\nb":                   "character 2 is a line break: remove it",
		"ä\x00b":                 "character 2 is a NUL: remove it",
		"a\u200bb":               "character 2 is a zero-width space (U+200B): remove it",
		"a\u202eb":               "character 2 is an invisible character (U+202E): remove it",
		"a\u2066b":               "character 2 is an invisible character (U+2066): remove it",
		"a\u3000b":               "character 2 is an invisible character (U+3000): remove it",
		"a\u3164b":               "character 2 is an invisible character (U+3164): remove it",
		"a\u2800b":               "character 2 is an invisible character (U+2800): remove it",
		"a\ufe0fb":               "character 2 is an invisible character (U+FE0F): remove it",
		"a\u00adb":               "character 2 is an invisible character (U+00AD): remove it",
		"a\U000e0041b":           "character 2 is an invisible character (U+E0041): remove it",
		"a\x1bb":                 "character 2 is a control character (U+001B): remove it",
		"a\u0085b":               "character 2 is a control character (U+0085): remove it",
		"a\xffb":                 "it is not valid UTF-8",
		"a\u2028b":               "character 2 is a line separator (U+2028): remove it",
		"a b":                    "",
		"the replacement \ufffd": "",
	} {
		if got := message(invisible.Check(text)); got != want {
			t.Errorf("%q: %q, not %q", text, got, want)
		}
	}
}

func TestCheckLines(t *testing.T) {
	for text, want := range map[string]string{
		"":                             "",
		"Two\n\tlines,\r\nor three.\n": "",
		"a family: 👩\u200d👩\u200d👧":    "",
		"a\x00":                        "character 2 is a NUL: remove it",
		"a\x1b[31m":                    "character 2 is a control character (U+001B): remove it",
		"a\u202eb":                     "character 2 is an invisible character (U+202E): remove it",
		"\ufeffa":                      "character 1 is a byte order mark (U+FEFF): remove it",
		"\xff":                         "it is not valid UTF-8",
	} {
		if got := message(invisible.CheckLines(text)); got != want {
			t.Errorf("%q: %q, not %q", text, got, want)
		}
	}
}

func TestTrim(t *testing.T) {
	for text, want := range map[string]string{"": "", "a b": "a b", " \ufeffa\u200bb\u00a0\r\n": "a\u200bb", "\n": ""} {
		if got := invisible.Trim(text); got != want {
			t.Errorf("%q: %q, not %q", text, got, want)
		}
	}
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
