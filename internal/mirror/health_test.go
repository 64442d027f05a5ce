package mirror

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
)

func TestHealth(t *testing.T) {
	t.Parallel()
	api := func(code int) *natsconn.APIError { return &natsconn.APIError{ErrCode: code, Description: "the reason"} }
	cases := map[string]struct {
		mirror  Mirror
		want    Health
		follows bool
		text    string
	}{
		"healthy":         {Mirror{Bucket: at(7)}, Healthy, true, "in sync with the bucket kine, last revision 7"},
		"at the limit":    {Mirror{Active: ContactLimit}, Healthy, true, "in sync"},
		"catching up":     {Mirror{Lag: 3, Bucket: at(7)}, CatchingUp, true, "3 messages behind the bucket kine, last revision 7"},
		"contact lost":    {Mirror{Active: ContactLimit + time.Second, Lag: 3}, ContactLost, false, "no contact to the bucket kine for 11s"},
		"never":           {Mirror{Active: Never}, NoContact, false, "no contact to the bucket kine yet"},
		"source missing":  {Mirror{Active: Never, Error: api(10059)}, SourceMissing, false, "the bucket kine does not exist: the reason (error code 10059)"},
		"stalled":         {Mirror{Lag: 5, Error: api(10228)}, Stalled, false, "$JS.FC.KV_kine.>"},
		"failing":         {Mirror{Error: api(10001)}, Failing, false, "refuses to be mirrored: the reason (error code 10001)"},
		"promoted":        {Mirror{Promoted: true, Active: Never, Bucket: at(9)}, Promoted, false, "promoted, last revision 9"},
		"promoted, stale": {Mirror{Promoted: true, Error: api(10059)}, Promoted, false, "promoted"},
	}
	for name, tt := range cases {
		tt.mirror.Source = Source{Bucket: "kine"}
		if got := tt.mirror.Health(); got != tt.want || tt.mirror.Follows() != tt.follows ||
			!strings.Contains(tt.mirror.Describe(), tt.text) {
			t.Errorf("%s: %s, %s", name, got, tt.mirror.Describe())
		}
	}
}

func TestSourceCheck(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		source Source
		want   string
	}{
		"a domain":                  {kineIn("hub"), ""},
		"an account":                {shared, ""},
		"an account, prefix alone":  {Source{Bucket: "kine", APIPrefix: "JS.origin.API"}, ""},
		"an account, dots":          {Source{Bucket: "kine", APIPrefix: "JS.origin.API.", DeliverPrefix: "deliver."}, ""},
		"no bucket":                 {Source{Domain: "hub"}, "the name of a bucket must not be empty"},
		"a bucket with a dot":       {Source{Bucket: "a.b", Domain: "hub"}, "is not the name of a bucket"},
		"both":                      {Source{Bucket: "kine", Domain: "hub", DeliverPrefix: "x"}, "not both"},
		"neither":                   {Source{Bucket: "kine"}, "in another account"},
		"its own API":               {Source{Bucket: "kine", APIPrefix: "$JS.API."}, "in another account"},
		"a deliver prefix alone":    {Source{Bucket: "kine", DeliverPrefix: "x"}, "in another account"},
		"a domain with a dot":       {kineIn("hub.eu"), "not the name of a JetStream domain"},
		"a domain with a wildcard":  {kineIn("*"), "not the name of a JetStream domain"},
		"a prefix with a wildcard":  {Source{Bucket: "kine", APIPrefix: "JS.>"}, "not a subject without wildcards"},
		"a prefix with a gap":       {Source{Bucket: "kine", APIPrefix: "JS..API"}, "not a subject without wildcards"},
		"a deliver prefix with one": {Source{Bucket: "kine", APIPrefix: "JS", DeliverPrefix: "a b"}, "not a subject without wildcards"},
	}
	for name, tt := range cases {
		switch err := tt.source.Check(); {
		case (err == nil) != (tt.want == ""), err != nil && !strings.Contains(err.Error(), tt.want):
			t.Errorf("%s: %v", name, err)
		case strings.Contains(tt.want, "another account"):
			if broken, ok := errors.AsType[*BrokenError](err); !ok || broken.Cause != CauseSameDomain {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

func TestSourceEqual(t *testing.T) {
	t.Parallel()
	byPrefix := Source{Bucket: "kine", APIPrefix: "$JS.hub.API"}
	if !kineIn("hub").Equal(byPrefix) || !byPrefix.Equal(kineIn("hub")) {
		t.Error("equal sources differ")
	}
	dotted := shared
	dotted.DeliverPrefix += "."
	if !shared.Equal(dotted) {
		t.Error("a trailing dot makes a difference")
	}
	for _, other := range []Source{kineIn("edge"), {Bucket: "copy", Domain: "hub"}, shared,
		{Bucket: "kine", Domain: "hub", DeliverPrefix: "x"}} {
		if kineIn("hub").Equal(other) {
			t.Errorf("%v equals another source", other)
		}
	}
}

// The form of a mirror is read back as its spec, and differs from the contract only in what promotion changes.
func TestForm(t *testing.T) {
	t.Parallel()
	for _, spec := range []Spec{
		specOf("kine", kineIn("hub")), specOf("copy", kineIn("hub")), specOf("kine", shared), specOf("copy", shared),
		{Spec: kine.Spec{Name: "kine", History: 64, Replicas: 5}, Source: Source{Bucket: "a", APIPrefix: "x.y"}},
	} {
		m := read(&kine.StreamInfo{Config: spec.form().Config})
		if m.spec() != spec || len(m.Differences) > 0 || m.Promoted {
			t.Errorf("%+v is read as %+v", spec, m)
		}
		fields := map[string]bool{}
		for _, v := range spec.form().Config.Differences(kine.NewForm(spec.Spec, kine.Contract(spec.Spec))) {
			fields[v.Field] = true
		}
		if len(fields) != 3 || !fields["mirror"] || !fields["subjects"] || !fields["duplicate_window"] {
			t.Errorf("%+v differs from the contract in %v", spec, fields)
		}
	}
	byPrefix := specOf("kine", Source{Bucket: "kine", APIPrefix: "$JS.hub.API"})
	if m := read(&kine.StreamInfo{Config: byPrefix.form().Config}); m.Source != kineIn("hub") || len(m.Differences) > 0 {
		t.Errorf("the prefix of a domain is read as %+v", m.Source)
	}
}
