package provider_test

import (
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
)

// tally counts what was put into an attribute and how the plan took it.
type tally struct{ tried, right, wrong int }

// refusal is an error that a plan must have.
type refusal struct {
	served acctest.Served
	config acctest.Config
	// at is the attribute, written as a [acctest.Place] is.
	at string
	// says is a part of the text.
	says string
}

// check counts the refusal as right if every error is on the attribute and one of them says what it must.
func (n *tally) check(t *testing.T, r refusal) {
	t.Helper()
	n.tried++
	found := slices.DeleteFunc(r.served.Validate(t, r.config), func(d acctest.Diagnostic) bool { return d.Warning })
	matches := func(d acctest.Diagnostic) bool {
		return samePlace(d.Path, r.at) && acctest.Text(r.says).MatchString(d.Text) && !acctest.Text("in the provider").MatchString(d.Text)
	}
	strays := func(d acctest.Diagnostic) bool { return !matches(d) }
	if len(found) == 0 || slices.ContainsFunc(found, strays) {
		n.wrong++
		t.Errorf("%s: errors other than one on %s that says %q: %+v", r.served, r.at, r.says, found)
		return
	}
	n.right++
}

// samePlace reports whether a diagnostic is at a place. An element of a set is on its set.
func samePlace(path, place string) bool {
	place = strings.NewReplacer(`["`, "[", `"]`, "]").Replace(place)
	return path == place || strings.HasSuffix(place, "[0]") && path == strings.TrimSuffix(place, "[0]")
}

// Of every schema, every place refuses what no value of its kind can be: an empty text, a null element, a fraction, and a number that
// no computer counts to. The error is on the place, and the only one.
func TestNoPlaceTakesWhatIsNoValue(t *testing.T) {
	var empty, null, fraction, huge tally
	for _, served := range acctest.Everything(t) {
		for _, place := range served.Places() {
			if !place.Configurable {
				continue
			}
			try := func(n *tally, value any, says string) {
				t.Helper()
				at := place.String()
				if place.Key {
					at = strings.TrimSuffix(at, "[key]") + "[]"
				}
				n.check(t, refusal{served, place.In(nil, value), at, says})
			}
			if place.IsText() {
				try(&empty, "", "empty")
			}
			if place.Element {
				try(&null, nil, "is null. Give it a value, or leave it out")
			}
			if place.Type.Is(tftypes.Number) {
				try(&fraction, big.NewFloat(1.5), "must be a whole number, and is 1.5")
				try(&huge, big.NewFloat(1e30), "is 1e+30, which is out of range")
			}
		}
	}
	t.Logf("places that refuse an empty text: %+v, null: %+v, a fraction: %+v, a huge number: %+v", empty, null, fraction, huge)
	if empty.tried < 200 || null.tried < 40 || fraction.tried < 20 {
		t.Error("schemas have more places than that")
	}
}
