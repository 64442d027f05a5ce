package user_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
)

// What a server would refuse, or would take for something else, is an error of the plan, at the attribute. No seed is
// in any. What the ephemeral resource has too, it checks alike.
func TestUserInput(t *testing.T) {
	accountKey, signing := newPair(t, natsconn.AccountKey), newPair(t, natsconn.AccountKey)
	own, operator := newPair(t, natsconn.UserKey), newPair(t, natsconn.OperatorKey)
	list := func(values ...any) []any { return values }
	publish := func(allow ...any) acctest.Config {
		return acctest.Config{"publish": acctest.Config{"allow": allow}}
	}
	type row struct {
		change acctest.Config
		// at and says are where the error is and a part of it; without, there is none.
		at, says string
	}
	unknown := acctest.Unknown{}
	for name, c := range map[string]row{
		"plain":                       {},
		"unknown":                     {change: acctest.Config{"account": unknown, "signing_key_seed_wo": unknown, "name": unknown, "expires_in": unknown, "permissions": unknown}},
		"own key":                     {change: acctest.Config{"public_key": own.public}},
		"expiry":                      {change: acctest.Config{"expires_in": "1h30m", "rotate_before": "90s"}},
		"rotation not known":          {change: acctest.Config{"expires_in": "1h", "rotate_before": unknown}},
		"scoped":                      {change: acctest.Config{"scoped": true, "tags": list("a"), "expires_in": "1h"}},
		"scoped, nothing limited":     {change: acctest.Config{"scoped": true, "bearer_token": false, "permissions": unknown}},
		"identity":                    {change: acctest.Config{"signing_key_seed_wo": accountKey.seed}},
		"responses":                   {change: acctest.Config{"permissions": acctest.Config{"allow_responses": acctest.Config{"max_messages": -1}}}},
		"account is a user":           {acctest.Config{"account": own.public}, "account", "account"},
		"account is a seed":           {acctest.Config{"account": accountKey.seed}, "account", "seed"},
		"account is a name":           {acctest.Config{"account": "tenant"}, "account", "starts with A"},
		"empty name":                  {acctest.Config{"name": ""}, "name", ""},
		"empty account":               {acctest.Config{"account": ""}, "account", "is an empty string"},
		"empty key":                   {acctest.Config{"public_key": ""}, "public_key", "leave it out or set it to null"},
		"key is a seed":               {acctest.Config{"public_key": own.seed}, "public_key", "seed"},
		"key of an account":           {acctest.Config{"public_key": accountKey.public}, "public_key", "user"},
		"seed of an operator":         {acctest.Config{"signing_key_seed_wo": operator.seed}, "signing_key_seed_wo", "operator"},
		"seed of a user":              {acctest.Config{"signing_key_seed_wo": own.seed}, "signing_key_seed_wo", "user"},
		"public signing key":          {acctest.Config{"signing_key_seed_wo": signing.public}, "signing_key_seed_wo", "SA"},
		"wildcard in a token":         {acctest.Config{"permissions": publish("a.b>")}, "permissions.publish.allow[0]", ""},
		"second subject empty":        {acctest.Config{"permissions": publish("a", "")}, "permissions.publish.allow[1]", ""},
		"function outside a template": {acctest.Config{"permissions": publish("{{name()}}.>")}, "permissions.publish.allow[0]", "scoped"},
		"queue to publish":            {acctest.Config{"permissions": publish("a q")}, "permissions.publish.allow[0]", "space"},
		"responses without number": {
			acctest.Config{"permissions": acctest.Config{"allow_responses": acctest.Config{"max_messages": -2}}},
			"permissions.allow_responses.max_messages", "",
		},
		"network":                  {acctest.Config{"source_networks": list("192.0.2.0/24", "192.0.2.1")}, "source_networks[1]", "192.0.2.1/32"},
		"time of the day":          {acctest.Config{"times": list(acctest.Config{"start": "8:00", "end": "18:00:00"})}, "times[0].start", "08:30:00"},
		"time zone":                {acctest.Config{"times_location": "Berlin"}, "times_location", "Europe/Berlin"},
		"type of connection":       {acctest.Config{"connection_types": list("standard")}, "connection_types[0]", "STANDARD"},
		"payload":                  {acctest.Config{"payload": "64 KB"}, "payload", "size"},
		"negative number":          {acctest.Config{"subscriptions": -1}, "subscriptions", ""},
		"upper case tag":           {acctest.Config{"tags": list("Edge")}, "tags", "lower case"},
		"not a time":               {acctest.Config{"not_before": "tomorrow"}, "not_before", "RFC 3339"},
		"not a duration":           {acctest.Config{"expires_in": "30d"}, "expires_in", "unit"},
		"no duration":              {acctest.Config{"expires_in": "0s"}, "expires_in", "shorter than a second"},
		"negative duration":        {acctest.Config{"expires_in": "-1h"}, "expires_in", "shorter than a second"},
		"fraction":                 {acctest.Config{"expires_in": "1500ms"}, "expires_in", "whole seconds"},
		"rotation of what stays":   {acctest.Config{"rotate_before": "1h"}, "rotate_before", "expires_in"},
		"rotation at once":         {acctest.Config{"expires_in": "1h", "rotate_before": "60m"}, "rotate_before", "must be shorter than expires_in"},
		"expires before it begins": {acctest.Config{"expires_in": "1h", "not_before": "2099-01-01T00:00:00Z"}, "expires_in", "before or when it becomes valid"},
		"scoped with permissions":  {acctest.Config{"scoped": true, "permissions": publish("a")}, "permissions", "template"},
		"scoped with a limit":      {acctest.Config{"scoped": true, "payload": "1KiB"}, "payload", "template"},
		"scoped bearer":            {acctest.Config{"scoped": true, "bearer_token": true}, "bearer_token", "template"},
		"scoped by the identity":   {acctest.Config{"scoped": true, "signing_key_seed_wo": accountKey.seed}, "scoped", "identity"},
	} {
		t.Run(name, func(t *testing.T) {
			config := acctest.Config{"account": accountKey.public, "name": "k3s", "signing_key_seed_wo": signing.seed}
			maps.Copy(config, c.change)
			checkInput(t, acctest.ValidateResource(t, "nats_user", config), c.at, c.says, accountKey, signing, own, operator)
			if _, ofResource := config["rotate_before"]; ofResource {
				return
			}
			twin := acctest.Config{}
			for attribute, value := range config {
				twin[strings.TrimSuffix(attribute, "_wo")] = value
			}
			checkInput(t, acctest.ValidateEphemeral(t, credentialsType, twin), strings.TrimSuffix(c.at, "_wo"), c.says,
				accountKey, signing, own, operator)
		})
	}
}

// checkInput wants one error with a text at a path, none if that is empty, and no seed of a key pair in any.
func checkInput(t *testing.T, found []acctest.Diagnostic, at, says string, secrets ...pair) {
	t.Helper()
	for _, d := range found {
		for _, pair := range secrets {
			if strings.Contains(d.Text, pair.seed) {
				t.Errorf("a seed is in the error: %s", d.Path)
			}
		}
	}
	switch {
	case at == "" && len(found) > 0:
		t.Errorf("refused: %+v", found)
	case at != "" && len(found) == 0:
		t.Error("not refused")
	case at != "" && (found[0].Path != at || !strings.Contains(found[0].Text, says)):
		t.Errorf("%+v, want %q at %s", found, says, at)
	case at != "" && len(found) > 1 && at != "subscriptions": // a negative number, which its type's validator tells too
		t.Errorf("told more than once: %+v", found)
	}
}
