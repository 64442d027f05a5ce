package bytesize

import (
	"math"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "1": 1, "1048576": 1 << 20, "007": 7, "-1": Unlimited, "12B": 12,
		"1KiB": 1 << 10, "3MiB": 3 << 20, "10GiB": 10 << 30, "2TiB": 2 << 40,
		"1KB": 1000, "3MB": 3e6, "10GB": 1e10, "2TB": 2e12,
		"1k": 1000, "1K": 1000, "3M": 3e6, "10G": 1e10, "2T": 2e12, "1Ki": 1 << 10, "3Mi": 3 << 20, "10Gi": 10 << 30,
		"2Ti":    2 << 40,
		"1.5GiB": 3 << 29, "0.5KiB": 512, "1.0": 1, "0.001KB": 1, "0.0009765625KiB": 1,
		"9223372036854775807": math.MaxInt64, "8388607TiB": 8388607 << 40,
	} {
		if got, err := Parse(text); err != nil || got != want {
			t.Errorf("Parse(%q) = %d, %v; want %d", text, got, err, want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                             "not a number of bytes",
		" ":                            "not a number of bytes",
		"GiB":                          "not a number of bytes",
		"10 GiB":                       "not a number of bytes",
		"10GiB ":                       "not a number of bytes",
		"10GiB\n":                      "not a number of bytes",
		"-2":                           "not a number of bytes",
		"-1GiB":                        "not a number of bytes",
		"+1":                           "not a number of bytes",
		"1e9":                          "not a number of bytes",
		"1,5GiB":                       "not a number of bytes",
		".5GiB":                        "not a number of bytes",
		"1.GiB":                        "not a number of bytes",
		"0x10":                         "not a number of bytes",
		"1/2":                          "not a number of bytes",
		"10gib":                        `"gib" is not a unit`,
		"10g":                          `"g" is not a unit`,
		"10GI":                         `"GI" is not a unit`,
		"10PiB":                        `"PiB" is not a unit`,
		"1.5":                          "not a whole number of bytes",
		"0.1KiB":                       "not a whole number of bytes",
		"9223372036854775808":          "exceeds the maximum",
		"8388608TiB":                   "exceeds the maximum",
		"99999999999999999999TiB":      "exceeds the maximum",
		strings.Repeat("9", 41):        "not a number of bytes",
		"1." + strings.Repeat("0", 41): "not a number of bytes",
	} {
		got, err := Parse(text)
		if err == nil {
			t.Errorf("Parse(%q) = %d, want an error", text, got)
		} else if !strings.Contains(err.Error(), want) {
			t.Errorf("Parse(%q) says %q, want %q", text, err, want)
		}
	}
}

func TestFormat(t *testing.T) {
	for size, want := range map[int64]string{
		0: "0", Unlimited: "-1", 1: "1", 1000: "1000", 1024: "1KiB", 1025: "1025", 1536: "1536", 1 << 20: "1MiB",
		3 << 29:  "1536MiB",
		10 << 30: "10GiB", 2 << 40: "2TiB", 2 << 50: "2048TiB", math.MaxInt64: "9223372036854775807",
	} {
		if got := Format(size); got != want {
			t.Errorf("Format(%d) = %q, want %q", size, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{"10GiB", "1.5GiB", "-1", "1e9", "99999999999999999999TiB", "0.001KB"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		size, err := Parse(text)
		if err != nil {
			return
		}
		if size < Unlimited {
			t.Fatalf("Parse(%q) = %d", text, size)
		}
		if again, err := Parse(Format(size)); err != nil || again != size {
			t.Fatalf("%q is %d, written %q, read as %d, %v", text, size, Format(size), again, err)
		}
	})
}
