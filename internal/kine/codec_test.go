package kine

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// storedKeys are keys and the subjects, without the bucket's prefix, under which KINE stores them.
var storedKeys = map[string]string{
	"/registry/health":                     "L8nZchjdPLL.tzCUBDXD",
	"/bootstrap/e3b0c44298fc":              "2Ffw6B3A5fkPR.2umP78bNuq7zKSS4A",
	"/registry/minions/node-1.example.com": "L8nZchjdPLL.59Usy2xyJJ.5afsSYAp4fLbMh9NqAMRQcxda",
	"compact_rev_key_apiserver":            "meta.h1ctazrDGbqvwPuDySV8QCGFrjddCjbkRf",
	"a":                                    "meta.2g",
	"a/b":                                  "meta.2g.2h",
	"/a":                                   "2g",
	"/a/":                                  "2g.p",
	"a/":                                   "meta.2g.p",
	"/a//b":                                "2g.p.2h",
	"a//b":                                 "meta.2g.p.2h",
	"//a":                                  "p.2g",
	"//":                                   "p.p",
	"///":                                  "p.p.p",
	"meta":                                 "meta.3oBjDJ",
	"meta/a":                               "meta.3oBjDJ.2g",
	"/meta/a":                              "3oBjDJ.2g",
	"/registry/a.b*c>d e":                  "L8nZchjdPLL.2EkEV3Sc4DrFe",
	"/registry/pods/snö/☃":                 "L8nZchjdPLL.3sh2fL.3x8nGu.2K7Sa",
	"/\x00/\x00\x00a/\xff\xfe":             "1.112g.LUu",
	"%FPpaaaaaaaaaaaaaaaaaaa":              "meta.meta1D6PgrqsCsWYtm4qjam21snni16",
}

// unreadKeys are keys that KINE stores but does not find again, because it treats their first token as the one for a
// missing slash: it is that token, or begins like it.
var unreadKeys = map[string]string{
	"/\x84\xf0\xc3/b":              "meta.2h",
	"/%FPpaaaaaaaaaaaaaaaaaaa":     "meta1D6PgrqsCsWYtm4qjam21snni16",
	"/%FPpaaaaaaaaaaaaaaaaaaa/and": "meta1D6PgrqsCsWYtm4qjam21snni16.Zj7Z",
}

func TestEncodeKey(t *testing.T) {
	all := maps.Clone(storedKeys)
	maps.Copy(all, unreadKeys)
	for key, want := range all {
		if got, err := EncodeKey(key); err != nil || got != want {
			t.Errorf("EncodeKey(%q) is %q, %v; want %q", key, got, err, want)
		}
	}
	for _, key := range []string{"", "/"} {
		if got, err := EncodeKey(key); err == nil {
			t.Errorf("EncodeKey(%q) is %q, where KINE refuses the key", key, got)
		}
	}
}

func TestDecodeKey(t *testing.T) {
	for want, encoded := range storedKeys {
		if got, err := DecodeKey(encoded); err != nil || got != want {
			t.Errorf("DecodeKey(%q) is %q, %v; want %q", encoded, got, err, want)
		}
	}
	garbage := map[string]string{
		"nothing":                            "",
		"a dot":                              ".",
		"an empty token":                     "2g..2h",
		"an empty token first":               ".2g",
		"an empty token last":                "2g.",
		"the root alone":                     "p",
		"no root alone":                      "meta",
		"no root and nothing":                "meta.",
		"the empty key":                      "meta.p",
		"a slash after no root":              "meta.p.2g",
		"a character that is none of base58": "2g.0OIl",
		"a wildcard":                         "2g.>",
		"a letter beyond ASCII":              "2g.ö",
		"a byte that is no text":             "2g.\xff",
		"a part with a slash in it":          "ZeKT",
		"a whole subject":                    "$KV.kine.2g",
		"a space":                            "2g 2h",
	}
	for name, encoded := range garbage {
		if got, err := DecodeKey(encoded); err == nil {
			t.Errorf("%s: DecodeKey(%q) is %q, want an error", name, encoded, got)
		}
	}
}

// Every key that KINE stores and finds again is decoded from its subject.
func FuzzEncodeKey(f *testing.F) {
	for key := range storedKeys {
		f.Add(key)
	}
	f.Fuzz(func(t *testing.T, key string) {
		encoded, err := EncodeKey(key)
		if err != nil {
			if key != "" && key != "/" {
				t.Fatalf("EncodeKey(%q): %v", key, err)
			}
			return
		}
		back, err := DecodeKey(encoded)
		if shadowed := strings.HasPrefix(key+"/", "/\x84\xf0\xc3/"); !shadowed && (err != nil || back != key) {
			t.Fatalf("%q is stored under %q, which is read as %q, %v", key, encoded, back, err)
		}
	})
}

// Every subject that decodes to a key is the subject of that key.
func FuzzDecodeKey(f *testing.F) {
	for _, encoded := range storedKeys {
		f.Add(encoded)
	}
	f.Fuzz(func(t *testing.T, encoded string) {
		key, err := DecodeKey(encoded)
		if err != nil {
			return
		}
		if again, err := EncodeKey(key); err != nil || again != encoded {
			t.Fatalf("%q is read as %q, which is stored under %q, %v", encoded, key, again, err)
		}
	})
}

// KINE stores keys under the subjects that EncodeKey returns, and rejects the keys that EncodeKey rejects.
func TestKINEStoresKeys(t *testing.T) {
	t.Parallel()
	lab := natslab.Single(t)
	_, client := runKINE(t, lab.URLs(), Spec{Name: "kine", History: 10, Replicas: 1})
	create := func(key string) error {
		answer, err := client.Txn(t.Context()).If(clientv3.Compare(clientv3.ModRevision(key), "=", 0)).
			Then(clientv3.OpPut(key, "value of "+key)).Commit()
		if err == nil && !answer.Succeeded {
			t.Errorf("KINE says that %q exists already", key)
		}
		return err
	}

	// The compaction key is internal to KINE, and the health key exists from the start.
	const compaction, health = "compact_rev_key_apiserver", "/registry/health"
	want := []string{KeySubject("kine", storedKeys[health])}
	for key, encoded := range storedKeys {
		if key == compaction || key == health {
			continue
		}
		if err := create(key); err != nil {
			t.Errorf("KINE does not store %q: %v", key, err)
		}
		got, err := client.Get(t.Context(), key)
		switch {
		case err != nil || got.Count != 1:
			t.Errorf("KINE does not find %q again: %v, %v", key, got, err)
		case string(got.Kvs[0].Key) != string([]rune(key)): // the key is in the value too, as JSON
			t.Errorf("KINE returns %q for %q", got.Kvs[0].Key, key)
		}
		want = append(want, KeySubject("kine", encoded))
	}
	for key, encoded := range unreadKeys {
		if err := create(key); err != nil {
			t.Errorf("KINE does not store %q: %v", key, err)
		}
		if got, err := client.Get(t.Context(), key); err != nil || got.Count != 0 {
			t.Errorf("KINE finds %q again: %v, %v", key, got, err)
		}
		want = append(want, KeySubject("kine", encoded))
	}
	for _, key := range []string{"", "/"} {
		if err := create(key); err == nil {
			t.Errorf("KINE stores %q, which EncodeKey refuses", key)
		}
	}

	slices.Sort(want)
	if diff := cmp.Diff(want, subjectsOf(t, openAPI(t, lab.URLs()), "kine")); diff != "" {
		t.Errorf("the subjects in KINE's bucket differ (- EncodeKey, + KINE):\n%s", diff)
	}
}

// subjectsOf returns the subjects of a bucket's messages.
func subjectsOf(t *testing.T, js *natsconn.JetStream, bucket string) []string {
	t.Helper()
	var info struct {
		State struct {
			Subjects map[string]int `json:"subjects"`
		} `json:"state"`
	}
	call(t, js, "STREAM.INFO."+StreamName(bucket), map[string]string{"subjects_filter": ">"}, &info)
	return slices.Sorted(maps.Keys(info.State.Subjects))
}
