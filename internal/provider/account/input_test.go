package account_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
)

type (
	object = acctest.Config
	list   = []any
)

// badInput is a configuration that a plan refuses, without a server.
type badInput struct {
	set  object
	path string
	// says is a part of the text, with what is wrong and what to do.
	says string
}

// badInputs are such configurations.
func badInputs(t *testing.T) map[string]badInput {
	t.Helper()
	other, user, identity := newKey(t, natsconn.AccountKey), newKey(t, natsconn.UserKey), newKey(t, natsconn.AccountKey)
	operator := newKey(t, natsconn.OperatorKey)
	_, seed, err := claims.NewKey(natsconn.AccountKey)
	if err != nil {
		t.Fatal(err)
	}
	export := func(set object) object {
		e := object{"subject": "a.*", "type": "service"}
		maps.Copy(e, set)
		return object{"exports": list{e}}
	}
	imported := func(set object) object {
		i := object{"subject": "a.*", "type": "stream", "account": other}
		maps.Copy(i, set)
		return object{"imports": list{i}}
	}
	signing := func(set object) object { return object{"signing_keys": list{set}} }
	template := func(set object) object {
		return signing(object{"public_key": other, "scope": object{"role": "r", "template": set}})
	}
	mapping := func(subject string, destinations ...any) object {
		return object{"mappings": object{subject: object{"destinations": destinations}}}
	}
	to := func(subject string, weight int) object { return object{"subject": subject, "weight": weight} }
	jetStream := func(set object) object { return object{"jetstream": set} }

	return map[string]badInput{
		// Keys of the wrong kind, and seeds in the place of keys.
		"empty name":                      {object{"name": ""}, "name", "is an empty string"},
		"control character in the name":   {object{"name": "a\nb"}, "name", "is a line break: remove it"},
		"user's key as identity":          {object{"public_key": user}, "public_key", "It is the public key of a user: the public key of an account is needed, which starts with A"},
		"operator's key as identity":      {object{"public_key": operator}, "public_key", "It is the public key of an operator: the public key of an account is needed"},
		"no key as identity":              {object{"public_key": "kine"}, "public_key", "It is not an nkey: the public key of an account is needed"},
		"seed as identity":                {object{"public_key": seed}, "public_key", "This may be a seed, which is secret: the public key of an account is needed"},
		"user's key as signing key":       {signing(object{"public_key": user}), "signing_keys[0].public_key", "It is the public key of a user: the public key of an account is needed"},
		"seed as signing key":             {signing(object{"public_key": seed}), "signing_keys[0].public_key", "This may be a seed, which is secret"},
		"signing key twice":               {object{"signing_keys": list{object{"public_key": other}, object{"public_key": other}}}, "signing_keys[1].public_key", "is in the list already, at index 0: a key has one scope, so remove one of them"},
		"identity as signing key":         {object{"public_key": identity, "signing_keys": list{object{"public_key": identity}}}, "signing_keys[0].public_key", "The account's identity cannot be a signing key. Create another key to sign with"},
		"revocation of an account":        {object{"revocations": object{other: "2025-01-01T00:00:00Z"}}, `revocations["` + other + `"]`, "It is the public key of an account: the public key of a user is needed"},
		"revocation without a time":       {object{"revocations": object{user: "yesterday"}}, `revocations["` + user + `"]`, "not in RFC 3339 format, with a time zone at the end"},
		"revocation at null":              {object{"revocations": object{user: nil}}, `revocations["` + user + `"]`, "is null"},
		"export's revocation at null":     {export(object{"token_required": true, "revocations": object{"*": nil}}), `exports[0].revocations["*"]`, "is null"},
		"tier of null":                    {jetStream(object{"tiers": object{"R1": object{"disk_storage": "1GiB"}, "R3": nil}}), `jetstream.tiers["R3"]`, "is null"},
		"auth user that is an account":    {object{"authorization": object{"auth_users": list{other}}}, "authorization.auth_users[0]", "the public key of a user is needed, which starts with U"},
		"no auth user":                    {object{"authorization": object{"auth_users": list{}}}, "authorization.auth_users", "must contain at least 1 elements"},
		"allowed account that is a user":  {object{"authorization": object{"auth_users": list{user}, "allowed_accounts": list{user}}}, "authorization.allowed_accounts[0]", "the public key of an account is needed"},
		"all accounts and one":            {object{"authorization": object{"auth_users": list{user}, "allowed_accounts": list{"*", other}}}, "authorization.allowed_accounts[0]", "* allows all accounts and must stand alone: remove it, or all others"},
		"xkey that is an account":         {object{"authorization": object{"auth_users": list{user}, "xkey": other}}, "authorization.xkey", "the public key of a curve is needed, which starts with X"},
		"description too long":            {object{"description": strings.Repeat("x", 8193)}, "description", "8193 bytes: at most 8192 are allowed"},
		"info url without a scheme":       {object{"info_url": "example.com"}, "info_url", "not an absolute URL: it needs a scheme and a host"},
		"tag in upper case":               {object{"tags": list{"Edge"}}, "tags", `The tag "Edge" is not in lower case: write "edge"`},
		"tag with white space":            {object{"tags": list{" edge"}}, "tags", "A tag cannot be used: it starts with a space: remove it, for example with trimspace()"},
		"end before the beginning":        {object{"not_before": "2030-01-01T00:00:00Z", "expires_at": "2029-01-01T00:00:00Z"}, "expires_at", "expires before or when it becomes valid, so it is never valid. Choose a time after"},
		"end that is no time":             {object{"expires_at": "2030-01-01"}, "expires_at", "not in RFC 3339 format, with a time zone at the end"},
		"end with a fraction of a second": {object{"expires_at": "2030-01-01T00:00:00.5Z"}, "expires_at", "it has a fraction of a second, and times in a JWT are in whole seconds"},

		// Limits.
		"negative limit":             {object{"limits": object{"connections": -1}}, "limits.connections", "A limit of -1 is negative. Remove it for no limit"},
		"limit of more than 31 bits": {object{"limits": object{"subscriptions": 1 << 32}}, "limits.subscriptions", "more than nats-server supports. The maximum is 2147483647. Remove it"},
		"size that is none":          {object{"limits": object{"payload": "much"}}, "limits.payload", `it is not a number of bytes with an optional unit, for example "10GiB"`},
		"size with an unknown unit":  {object{"limits": object{"payload": "1Q"}}, "limits.payload", `"Q" is not a unit: use KiB, MiB`},
		"more exports than allowed": {object{"limits": object{"exports": 0}, "exports": list{object{"subject": "a", "type": "stream"}}},
			"limits.exports", "1 exports and a limit of 0: raise the limit, or remove some"},
		"more imports than allowed": {object{"limits": object{"imports": 0}, "imports": list{object{"subject": "a", "type": "stream", "account": other}}},
			"limits.imports", "1 imports and a limit of 0: raise the limit, or remove some"},
		"wildcard export that is not allowed": {object{"limits": object{"disallow_wildcard_exports": true}, "exports": list{object{"subject": "a.>", "type": "stream"}}},
			"exports[0].subject", "forbid wildcards in exports. List the subjects one by one, or allow wildcards"},
		"no storage":             {jetStream(object{"streams": 5}), "jetstream", "JetStream is off and the other limits have no effect. Allow storage, or remove the JetStream limits"},
		"storage of zero":        {jetStream(object{"disk_storage": "0"}), "jetstream.disk_storage", "leave it out for an account without this storage"},
		"storage below no limit": {jetStream(object{"disk_storage": "-5"}), "jetstream.disk_storage", "it is not a number of bytes with an optional unit"},
		"negative streams":       {jetStream(object{"disk_storage": "1GiB", "streams": -2}), "jetstream.streams", "A limit of -2 is negative. Remove it for no limit"},
		"flat limits and tiers":  {jetStream(object{"disk_storage": "1GiB", "tiers": object{"R1": object{"disk_storage": "1GiB"}}}), "jetstream.tiers", "mutually exclusive. Remove one of them"},
		"no tiers":               {jetStream(object{"tiers": object{}}), "jetstream.tiers", "must contain at least 1 elements"},
		"unknown tier":           {jetStream(object{"tiers": object{"R9": object{"disk_storage": "1GiB"}}}), `jetstream.tiers["R9"]`, `"R9" is not a tier. A tier is R and the number of replicas of a stream, R1 to R5`},
		"tiers without storage":  {jetStream(object{"tiers": object{"R1": object{"streams": 1}}}), "jetstream.tiers", "JetStream is off. Allow storage, or remove the tiers"},

		// Exports and imports.
		"export without a subject":        {export(object{"subject": ""}), "exports[0].subject", "is an empty string"},
		"export with a space":             {export(object{"subject": "a b"}), "exports[0].subject", "contains a space: remove it"},
		"export with an empty token":      {export(object{"subject": "a..b"}), "exports[0].subject", "has two in a row: each token needs at least one character"},
		"export with > in the middle":     {export(object{"subject": "a.>.b"}), "exports[0].subject", "> is not the last token. Only as the last token does it match all that follows"},
		"export of an unknown type":       {export(object{"type": "queue"}), "exports[0].type", `"queue" is not a type: write "stream" or "service"`},
		"stream with a response type":     {export(object{"type": "stream", "response_type": "Stream"}), "exports[0].response_type", "This applies to services, but the export is a stream. Remove it"},
		"stream with a threshold":         {export(object{"type": "stream", "response_threshold": "5s"}), "exports[0].response_threshold", "This applies to services, but the export is a stream. Remove it"},
		"negative threshold":              {export(object{"response_threshold": "-5s"}), "exports[0].response_threshold", "-5s is negative. Remove it for the server's default of two minutes"},
		"unknown response type":           {export(object{"response_type": "stream"}), "exports[0].response_type", `"stream" is not a type of response: write Singleton, Stream, Chunked`},
		"stream with latency":             {export(object{"type": "stream", "latency": object{"results": "r", "sampling": 1}}), "exports[0].latency", "This applies to services, but the export is a stream. Remove it"},
		"latency to a wildcard":           {export(object{"latency": object{"results": "r.*", "sampling": 1}}), "exports[0].latency.results", "contains a wildcard, but messages are published to it. Write a subject without wildcards"},
		"latency above 100 percent":       {export(object{"latency": object{"results": "r", "sampling": 101}}), "exports[0].latency.sampling", "101 percent is not between 1 and 100, or 0 for requests that ask for it in a header"},
		"token position on no wildcard":   {export(object{"account_token_position": 1}), "exports[0].account_token_position", "it must be the wildcard that stands for the importing account, counted from 1"},
		"token position beyond":           {export(object{"account_token_position": 9}), "exports[0].account_token_position", `Token 9 of "a.*" is not *: it must be the wildcard`},
		"trace into a stream":             {export(object{"type": "stream", "allow_trace": true}), "exports[0].allow_trace", "This applies to services, but the export is a stream. Remove it"},
		"export within an export":         {object{"exports": list{object{"subject": "a.>", "type": "stream"}, object{"subject": "a.b", "type": "stream"}}}, "exports[1].subject", `is exported as a stream already, as "a.>" at index 0: remove one of them`},
		"revocation of a user's import":   {export(object{"token_required": true, "revocations": object{user: "2025-01-01T00:00:00Z"}}), `exports[0].revocations["` + user + `"]`, "the public key of an account is needed"},
		"import from nobody":              {imported(object{"account": ""}), "imports[0].account", "is an empty string"},
		"import from a user":              {imported(object{"account": user}), "imports[0].account", "the public key of an account is needed, which starts with A"},
		"import from itself":              {object{"public_key": identity, "imports": list{object{"subject": "a", "type": "stream", "account": identity}}}, "imports[0].account", "An account cannot import from itself. Set the exporting account"},
		"import without a subject":        {imported(object{"subject": ""}), "imports[0].subject", "is an empty string"},
		"local subject with > alone":      {imported(object{"local_subject": "b.>"}), "imports[0].local_subject", "must end in >, or neither"},
		"local subject without reference": {imported(object{"local_subject": "b"}), "imports[0].local_subject", `does not refer to each wildcard of "a.*": write $1, $2 and so on`},
		"local subject and to":            {imported(object{"local_subject": "b.$1", "to": "b"}), "imports[0].to", "This is the older form of the local subject, and a local subject is set too. Remove it"},
		"shared stream":                   {imported(object{"share": true}), "imports[0].share", "This applies to services, but the import is a stream. Remove it"},
		"trace out of a service":          {imported(object{"type": "service", "allow_trace": true}), "imports[0].allow_trace", "This applies to streams, but the import is a service. Remove it"},
		"token that is none":              {imported(object{"token": "secret"}), "imports[0].token", "This is not an activation token. Use the token that the exporting account signed"},
		"overlapping services": {object{"imports": list{
			object{"subject": "a.*", "type": "service", "account": other}, object{"subject": "a.b", "type": "service", "account": other},
		}}, "imports[1].subject",
			`overlaps with "a.*" of the import at index 0 from the same account: choose another local subject`},

		// Permissions, mappings and the rest.
		"permission with two spaces":     {object{"default_permissions": object{"subscribe": object{"allow": list{"a b c"}}}}, "default_permissions.subscribe.allow[0]", "contains more than one space. Write a subject, or a subject and the name of a queue"},
		"queue in a publish permission":  {object{"default_permissions": object{"publish": object{"allow": list{"a q"}}}}, "default_permissions.publish.allow[0]", "contains a space. The name of a queue can follow the subject only in the allow list of subscribe"},
		"empty permission":               {object{"default_permissions": object{"publish": object{"deny": list{""}}}}, "default_permissions.publish.deny[0]", "is an empty string"},
		"negative responses":             {object{"default_permissions": object{"allow_responses": object{"max_messages": -5}}}, "default_permissions.allow_responses.max_messages", "must be between -1 and 2147483647"},
		"network that is none":           {template(object{"source_networks": list{"192.0.2.1"}}), "signing_keys[0].scope.template.source_networks[0]", `"192.0.2.1" is not a network: write it as 192.0.2.0/24`},
		"time that is none":              {template(object{"times": list{object{"start": "8", "end": "18:00:00"}}}), "signing_keys[0].scope.template.times[0].start", `"8" is not a time of the day: write it as 08:30:00`},
		"time zone that is none":         {template(object{"times_location": "Berlin"}), "signing_keys[0].scope.template.times_location", "is not a time zone of the IANA database: write one like Europe/Berlin"},
		"unknown connection type":        {template(object{"connection_types": list{"TELNET"}}), "signing_keys[0].scope.template.connection_types[0]", "is not a type of connection: use STANDARD, WEBSOCKET"},
		"mapping of no subject":          {mapping("", to("b", 100)), `mappings[""]`, "has an empty key"},
		"mapping to nothing":             {mapping("a"), `mappings["a"].destinations`, "must contain at least 1 elements"},
		"mapping above 100 percent":      {mapping("a", to("b", 60), to("c", 60)), `mappings["a"]`, "add up to 120 percent: at most 100 are allowed"},
		"mapping of weight 0":            {mapping("a", to("b", 0)), `mappings["a"].destinations[0].weight`, "value must be between 1 and 100, got: 0"},
		"mapping of weight 300":          {mapping("a", to("b", 300)), `mappings["a"].destinations[0].weight`, "value must be between 1 and 100, got: 300"},
		"negative token position":        {export(object{"account_token_position": -1}), "exports[0].account_token_position", "must be at least 1, got: -1"},
		"mapping to an unknown wildcard": {mapping("a.*", to("b.$2", 100)), `mappings["a.*"].destinations[0].subject`, "wildcard index out of range"},
		"mapping to a wildcard":          {mapping("a.*", to("b.*", 100)), `mappings["a.*"].destinations[0].subject`, "contains *: refer to the wildcards of the mapped subject as $1"},
		"mapping twice to the same":      {mapping("a", to("b", 10), to("b", 10)), `mappings["a"].destinations[1].subject`, "is already a destination, at index 0. nats-server rejects duplicates"},
		"trace to a wildcard":            {object{"trace": object{"destination": "t.>", "sampling": 1}}, "trace.destination", "contains a wildcard, but messages are published to it. Write a subject without wildcards"},
		"trace of nothing":               {object{"trace": object{"destination": "t", "sampling": 0}}, "trace.sampling", "0 percent is not between 1 and 100: to trace nothing, leave the trace out"},
		"unknown cluster traffic":        {object{"cluster_traffic": "both"}, "cluster_traffic", `"both" is unknown: write "system" or "owner"`},
	}
}

// What servers would refuse, or take for something else than was meant, is an error in the plan, on the attribute and
// with the remedy.
func TestAccountBadInput(t *testing.T) {
	cases := badInputs(t)
	if len(cases) < 60 {
		t.Errorf("there are %d cases", len(cases))
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			config := object{"name": "a"}
			maps.Copy(config, c.set)
			found := acctest.ValidateResource(t, "nats_account", config)
			if len(found) == 0 {
				t.Fatal("it was accepted")
			}
			onPath := slices.DeleteFunc(slices.Clone(found), func(d acctest.Diagnostic) bool { return d.Path != c.path })
			if len(onPath) > 1 {
				t.Errorf("%s is told %d times: %+v", c.path, len(onPath), found)
			}
			if !slices.ContainsFunc(onPath, func(d acctest.Diagnostic) bool { return c.says != "" && strings.Contains(d.Text, c.says) }) {
				t.Errorf("on %s no %q: %+v", c.path, c.says, found)
			}
		})
	}
}
