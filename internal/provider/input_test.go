package provider_test

import (
	"maps"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
)

// tally counts the values that were set and the plan's reactions.
type tally struct{ tried, right, wrong int }

// refusal is an error that a plan must have.
type refusal struct {
	served acctest.Served
	config acctest.Config
	// at is the attribute, written as a [acctest.Place] is.
	at string
	// says is part of the text.
	says string
}

// check counts the refusal as correct if every error is on the attribute and one of them contains the expected text.
func (n *tally) check(t *testing.T, r refusal) {
	t.Helper()
	n.tried++
	found := slices.DeleteFunc(r.served.Validate(t, r.config), func(d acctest.Diagnostic) bool { return d.Warning })
	matches := func(d acctest.Diagnostic) bool {
		return samePlace(d.Path, r.at) && acctest.Text(r.says).MatchString(d.Text) &&
			!acctest.Text("in the provider").MatchString(d.Text)
	}
	strays := func(d acctest.Diagnostic) bool { return !matches(d) }
	if len(found) == 0 || slices.ContainsFunc(found, strays) {
		n.wrong++
		t.Errorf("%s: errors other than one on %s that says %q: %+v", r.served, r.at, r.says, found)
		return
	}
	n.right++
}

// samePlace reports whether a diagnostic is at a place. An error on an element of a set is reported on the set.
func samePlace(path, place string) bool {
	return path == place || strings.HasSuffix(place, "[0]") && path == strings.TrimSuffix(place, "[0]")
}

// Every place in every schema rejects values that are impossible for its type: an empty string, a null element, a
// fraction, and a number that exceeds all types. The only error is on that place.
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
					at = strings.TrimSuffix(at, "[key]") + `[""]`
				}
				n.check(t, refusal{served, place.In(nil, value), at, says})
			}
			if strings.HasPrefix(place.String(), "keepers[") {
				for _, value := range []any{"", nil} {
					if found := served.Validate(t, place.In(acctest.Config{"type": "user"}, value)); len(found) > 0 && !place.Key {
						t.Errorf("%s of %s takes any text: %+v", place, served, found)
					}
				}
				continue
			}
			if place.IsText() {
				try(&empty, "", "empty")
			}
			if place.Element {
				try(&null, nil, "is null. Set it to a value or remove it")
			}
			if place.Type.Is(tftypes.Number) {
				try(&fraction, big.NewFloat(1.5), "must be a whole number, got: 1.5")
				try(&huge, big.NewFloat(1e30), "is 1e+30, which is out of range")
			}
		}
	}
	t.Logf("places that refuse an empty text: %+v, null: %+v, a fraction: %+v, a huge number: %+v", empty, null,
		fraction, huge)
	if empty.tried < 200 || null.tried < 40 || fraction.tried < 20 {
		t.Error("schemas have more places than that")
	}
}

// A value that no server can hold, or that a server misreads, is refused on its attribute, and so is an import without
// an ID.
func TestWhatServersCannotHold(t *testing.T) {
	account, user := acctest.NewKey(t, natsconn.AccountKey), acctest.NewKey(t, natsconn.UserKey)
	type object = acctest.Config
	bases := map[string]object{
		"nats_account": {"name": "a"},
		"nats_user":    {"name": "u", "account": account.Public, "signing_key_seed_wo": account.Seed},
		"nats_activation": {"account": account.Public, "import_account": acctest.NewKey(t, natsconn.AccountKey).Public, "subject": "a", "type": "stream",
			"signing_key_seed_wo": account.Seed, "signing_key_seed_wo_version": "1"},
		"nats_operator": {"name": "o", "seed_wo": acctest.NewKey(t, natsconn.OperatorKey).Seed, "seed_wo_version": "1"},
	}
	served := map[string]acctest.Served{}
	for _, s := range acctest.Everything(t) {
		if s.Kind == acctest.Resource {
			served[s.Name] = s
		}
	}
	const (
		late    = "2262-04-11T23:47:17Z"
		never   = "9999-12-31T00:00:00Z"
		isLate  = "the last second that nats-server supports"
		tooMany = "is more than nats-server supports. The maximum is 2147483647"
		nothing = "a duration above zero"
	)
	export := func(set object) object {
		e := object{"subject": "a", "type": "service"}
		maps.Copy(e, set)
		return object{"exports": []any{e}}
	}
	template := func(set object) object {
		return object{"signing_keys": []any{object{"public_key": account.Public,
			"scope": object{"role": "r", "template": set}}}}
	}
	responses := func(set object) object {
		r := object{"max_messages": 1}
		maps.Copy(r, set)
		return object{"allow_responses": r}
	}
	const inTemplate = "signing_keys[0].scope.template."
	var n tally
	for _, row := range []struct {
		resource string
		set      object
		at, says string
	}{
		{"nats_account", object{"expires_at": late}, "expires_at", isLate},
		{"nats_account", object{"expires_at": never}, "expires_at", isLate},
		{"nats_account", object{"not_before": never}, "not_before", isLate},
		{"nats_account", object{"revocations": object{user.Public: late}}, `revocations["` + user.Public + `"]`, isLate},
		{"nats_account", export(object{"token_required": true, "revocations": object{"*": late}}), `exports[0].revocations["*"]`, isLate},
		{"nats_user", object{"not_before": never}, "not_before", isLate},
		{"nats_user", object{"expires_in": "2562047h"}, "expires_in", isLate},
		{"nats_user", object{"expires_in": "2562048h"}, "expires_in", "which is not a duration"},
		{"nats_activation", object{"expires_at": never}, "expires_at", isLate},
		{"nats_activation", object{"not_before": late}, "not_before", isLate},
		{"nats_operator", object{"expires_at": never}, "expires_at", isLate},
		{"nats_operator", object{"not_before": never}, "not_before", isLate},
		{"nats_account", object{"limits": object{"connections": 1 << 31}}, "limits.connections", tooMany},
		{"nats_account", object{"limits": object{"leaf_nodes": 1 << 31}}, "limits.leaf_nodes", tooMany},
		{"nats_account", object{"limits": object{"subscriptions": 1 << 31}}, "limits.subscriptions", tooMany},
		{"nats_account", object{"limits": object{"payload": "2GiB"}}, "limits.payload", tooMany},
		{"nats_account", template(object{"subscriptions": 1 << 31}), inTemplate + "subscriptions", tooMany},
		{"nats_account", template(object{"payload": "2GiB"}), inTemplate + "payload", tooMany},
		{"nats_account", template(object{"subscriptions": 0}), inTemplate + "subscriptions", "In the template of a scoped signing key, 0 means no limit"},
		{"nats_account", template(object{"payload": "0"}), inTemplate + "payload", "In the template of a scoped signing key, 0 means no limit"},
		{"nats_account", template(object{"data": "0B"}), inTemplate + "data", "In the template of a scoped signing key, 0 means no limit"},
		{"nats_user", object{"subscriptions": 1 << 31}, "subscriptions", tooMany},
		{"nats_user", object{"payload": "2GiB"}, "payload", tooMany},
		{"nats_user", object{"payload": "8EiB"}, "payload", "is not a unit"},
		{"nats_user", object{"data": "9223372036854775808"}, "data", "exceeds the maximum"},
		{"nats_account", object{"jetstream": object{"disk_storage": "10 GiB"}}, "jetstream.disk_storage", "is not a number of bytes"},
		{"nats_account", export(object{"response_threshold": "0s"}), "exports[0].response_threshold", nothing},
		{"nats_account", object{"default_permissions": responses(object{"expires": "0s"})}, "default_permissions.allow_responses.expires", nothing},
		{"nats_account", object{"default_permissions": responses(object{"max_messages": 1 << 31})}, "default_permissions.allow_responses.max_messages",
			"must be between -1 and 2147483647"},
		{"nats_user", object{"permissions": responses(object{"expires": "0s"})}, "permissions.allow_responses.expires", nothing},
		{"nats_user", object{"permissions": responses(object{"expires": "-1m"})}, "permissions.allow_responses.expires", nothing},
		{"nats_account", template(object{"permissions": responses(object{"expires": "0s"})}), inTemplate + "permissions.allow_responses.expires", nothing},
	} {
		config := maps.Clone(bases[row.resource])
		maps.Copy(config, row.set)
		n.check(t, refusal{served[row.resource], config, row.at, row.says})
	}
	for name := range served {
		n.tried++
		if _, found := acctest.ImportResource(t, name, ""); len(found) == 0 || slices.ContainsFunc(found, func(d acctest.Diagnostic) bool {
			return acctest.Text("in the provider").MatchString(d.Text) || acctest.Text("Value Conversion").MatchString(d.Text)
		}) {
			n.wrong++
			t.Errorf("an empty id to import a %s by: %+v", name, found)
			continue
		}
		n.right++
	}
	t.Logf("what servers cannot hold: %+v", n)
}

// A write-only value that requires its version requires it even while the value is unknown. Otherwise the apply would
// fail, and the destroy after it.
func TestVersionIsDemandedOfUnknownValues(t *testing.T) {
	demands := func(found []acctest.Diagnostic, at string) bool {
		return slices.ContainsFunc(found, func(d acctest.Diagnostic) bool {
			return samePlace(d.Path, at) && acctest.Text("_wo_version\" must be specified").MatchString(d.Text)
		})
	}
	var n tally
	for _, served := range acctest.Everything(t) {
		for _, place := range served.Places() {
			if place.Attribute == nil || !place.Attribute.WriteOnly ||
				!demands(served.Validate(t, place.In(nil, "x")), place.String()) {
				continue
			}
			n.tried++
			if !demands(served.Validate(t, place.In(nil, acctest.Unknown{})), place.String()) {
				n.wrong++
				t.Errorf("%s: %s that is not known is taken without its version", served, place)
				continue
			}
			n.right++
		}
	}
	t.Logf("unknown values without their version: %+v", n)
	if n.tried < 5 {
		t.Error("more attributes than that need a version")
	}
}
