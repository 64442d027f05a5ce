package k3sendpoint_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/nats-io/nkeys"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

const resourceType = "nats_k3s_datastore_endpoint"

// invalid is an invalid endpoint.
type invalid struct {
	config acctest.Config
	// path is the attribute of the error, and want its text with the remedy.
	path, want string
}

func list(elements ...any) []any { return append([]any{}, elements...) }

// valid returns a valid endpoint with these attributes set, or removed if they are nil.
func valid(changes acctest.Config) acctest.Config {
	config := acctest.Config{
		"servers":   list("nats://127.0.0.1:1"),
		"datastore": acctest.Config{"name": "kine", "history": 10, "replicas": 1},
	}
	maps.Copy(config, changes)
	maps.DeleteFunc(config, func(_ string, value any) bool { return value == nil })
	return config
}

// store returns the datastore of the valid endpoint with these attributes set.
func store(changes acctest.Config) acctest.Config {
	config := acctest.Config{"name": "kine", "history": 10, "replicas": 1}
	maps.Copy(config, changes)
	return acctest.Config{"datastore": config}
}

// newCredentials returns the credentials of a user that no server knows.
func newCredentials(t *testing.T) string {
	t.Helper()
	operator, err := natslab.NewOperator("lab")
	if err != nil {
		t.Fatal(err)
	}
	account, err := operator.AddAccount("A", nil)
	if err != nil {
		t.Fatal(err)
	}
	credentials, err := account.Credentials("user", nil)
	if err != nil {
		t.Fatal(err)
	}
	return credentials
}

// oddInputs returns inputs of an endpoint that KINE would ignore, misinterpret or refuse.
func oddInputs(t *testing.T) map[string]invalid {
	t.Helper()
	server := func(url, want string) invalid {
		return invalid{valid(acctest.Config{"servers": list("nats://127.0.0.1:1", url)}), "servers[1]", want}
	}
	field := func(name string, value any, want string) invalid {
		return invalid{valid(acctest.Config{name: value}), name, want}
	}
	datastore := func(name string, value any, want string) invalid {
		return invalid{valid(store(acctest.Config{name: value})), "datastore." + name, want}
	}
	tls := func(config acctest.Config, path, want string) invalid {
		return invalid{valid(acctest.Config{"tls": config}), path, want}
	}
	user := func(user, password any, path, want string) invalid {
		return invalid{valid(acctest.Config{"user": user, "password": password}), path, want}
	}
	two := func(config acctest.Config, path string) invalid {
		return invalid{valid(config), path,
			"more than one way to authenticate, and KINE or the server ignores all but one. " +
				"Set only one of context_file, credentials_file, user with password, and token."}
	}
	const (
		form   = `Set it as "nats://host:port".`
		node   = "Set the absolute path of the file on the node that runs k3s."
		unsafe = "has characters that KINE sends percent-encoded, so the server would refuse it; letters, digits and " +
			"-_.~$&+;= are safe. Write it to a credentials file or a context file on the node, and set credentials_file or " +
			"context_file."
		secured = `Set it as "nats://host:port" and set tls.ca_file to the certificate authority, which makes KINE use TLS.`
		empty   = "leave it out or set it to null"
	)
	rows := map[string]invalid{
		// Parts that KINE ignores in the second and further URLs, or in any URL.
		"credentials_in_second_url": server("nats://u:s3cr3t@host", "Attribute servers[1]: the URL contains credentials: "+
			"use the settings for user and password, token or credentials. "+form),
		"parameters_in_second_url": server("nats://host?bucket=other",
			"Attribute servers[1]: the URL has parameters or a fragment, which a NATS server does not support. "+form),
		"path": server("nats://host/kine",
			`the URL has a path "/kine", which a NATS server does not support. `+form),
		"slash":                 server("nats://host/", form),
		"fragment":              server("nats://host#kine", form),
		"two_in_one":            server("nats://a,nats://b", "set each server as a separate element. "+form),
		"twice":                 server("nats://127.0.0.1:1", "server 2 is the same as server 1. Remove the duplicate."),
		"twice_by_default_port": {valid(acctest.Config{"servers": list("nats://Host", "nats://host:4222")}), "servers[1]", "server 2 is the same as server 1. Remove the duplicate."},
		"mixed_hosts":           server("nats://a:4222;nats://b:4222", form),

		// Schemes.
		"tls":              server("tls://host", "KINE does not support the scheme tls. "+secured),
		"wss":              server("wss://host", "KINE does not support the scheme wss. "+secured),
		"ws":               server("ws://host", `KINE does not support the scheme "ws". `+form),
		"uppercase_scheme": server("NATS://host", `KINE does not support the scheme "NATS". `+form),
		"jetstream": server("jetstream://host",
			"the scheme jetstream only works in front of another URL and ignores the settings of the embedded server. "+form),
		"jetstream_before_url": server("jetstream://nats://host",
			"the scheme jetstream only works in front of another URL and ignores the settings of the embedded server. "+form),
		"http":      server("http://host", `KINE does not support the scheme "http". `+form),
		"no_scheme": server("host:4222", "the server's URL has no scheme. "+form),

		// Hosts and ports.
		"port_0":                server("nats://host:0", "port 0 is not between 1 and 65535. "+form),
		"port_99999":            server("nats://host:99999", "port 99999 is not between 1 and 65535. "+form),
		"port_is_no_number":     server("nats://host:nats", `invalid port ":nats" after host. `+form),
		"no_port_after_colon":   server("nats://host:", "has a colon but no port. "+form),
		"ipv6_without_brackets": server("nats://::1", "an IPv6 address must be in brackets, as in [::1]:4222. "+form),
		"ipv6_with_zone":        server("nats://[fe80::1%25eth0]:4222", form),
		"encoded_host":          server("nats://stra%C3%9Fe.example", form),
		"no_host":               server("nats://:4222", "the URL has no host. "+form),
		"white_space":           server("nats://host ", "the URL contains white space. "+form),
		"empty_server":          server("", "is an empty string"),
		"no_servers":            field("servers", list(), `the endpoint has no server. Set at least one, such as`),
		"servers_left_out": field("servers", nil,
			`the endpoint has no server. Set at least one, such as "nats://nats.example.com:4222".`),

		// Credentials that KINE would send in another form.
		"at_in_password":      user("u", "p@s3cr3t", "password", "the password "+unsafe),
		"colon_in_password":   user("u", "p:s3cr3t", "password", unsafe),
		"slash_in_password":   user("u", "p/s3cr3t", "password", unsafe),
		"percent_in_password": user("u", "p%40s3cr3t", "password", unsafe),
		"hash_in_password":    user("u", "p#s3cr3t", "password", unsafe),
		"mark_in_password":    user("u", "p?s3cr3t", "password", unsafe),
		"bang_in_password":    user("u", "p!s3cr3t", "password", unsafe),
		"comma_in_password":   user("u", "p,s3cr3t", "password", unsafe),
		"space_in_password":   user("u", "p s3cr3t", "password", unsafe),
		"umlaut_in_password":  user("u", "pä-s3cr3t", "password", unsafe),
		"newline_in_password": user("u", "s3cr3t\n", "password", unsafe),
		"at_in_user":          user("u@example.com", "s3cr3t", "user", "the user "+unsafe),
		"slash_in_token":      field("token", "a/s3cr3t", "the token "+unsafe),
		"user_alone": user("u", nil, "password",
			"KINE treats a user without a password as a token. Set the password, or set token instead."),
		"password_alone": user(nil, "s3cr3t", "user", "a password needs a user. Set the user as well."),
		"empty_user":     user("", "s3cr3t", "user", empty),
		"empty_password": user("u", "", "password", empty),
		"empty_token":    field("token", "", empty),

		// More than one way to authenticate.
		"user_and_token": two(acctest.Config{"user": "u", "password": "s3cr3t", "token": "s3cr3t"}, "token"),
		"user_and_file":  two(acctest.Config{"user": "u", "password": "s3cr3t", "credentials_file": "/c"}, "user"),
		"token_and_file": two(acctest.Config{"token": "s3cr3t", "credentials_file": "/c"}, "token"),
		"context_and_file": two(acctest.Config{"servers": nil, "context_file": "/c", "credentials_file": "/d"},
			"credentials_file"),
		"context_and_user": two(acctest.Config{"servers": nil, "context_file": "/c", "user": "u",
			"password": "s3cr3t"}, "user"),
		"context_and_token":      two(acctest.Config{"servers": nil, "context_file": "/c", "token": "s3cr3t"}, "token"),
		"context_beside_servers": {valid(acctest.Config{"context_file": "/c"}), "servers", "KINE refuses servers in addition to a context file. Remove the servers, which the context file defines, or set servers and credentials instead of the context file."},

		// Paths.
		"home_credentials": field("credentials_file", "~/c.creds", `KINE does not expand the ~ in "~/c.creds". `+node),
		"relative_credentials": field("credentials_file", "c.creds",
			`"c.creds" is relative to the directory in which k3s is started. `+node),
		"empty_credentials": field("credentials_file", "", empty),
		"newline_in_path": field("credentials_file", "/c.creds\n",
			"the path cannot be used: it ends with a line break: remove it, for example with trimspace(). "+node),
		"home_context":  {valid(acctest.Config{"servers": nil, "context_file": "~/c.json"}), "context_file", `KINE does not expand the ~ in "~/c.json". ` + node},
		"empty_context": {valid(acctest.Config{"servers": nil, "context_file": ""}), "context_file", empty},
		"home_ca": tls(acctest.Config{"ca_file": "~/ca.pem"}, "tls.ca_file",
			`Attribute tls.ca_file: KINE does not expand the ~ in "~/ca.pem". `+node),
		"relative_cert": tls(acctest.Config{"cert_file": "c.pem", "key_file": "/k.pem"}, "tls.cert_file",
			`Attribute tls.cert_file: "c.pem" is relative to the directory in which k3s is started. `+node),
		"cert_without_key": tls(acctest.Config{"cert_file": "/c.pem"}, "tls.key_file",
			"KINE ignores a client certificate without its key. Set the file of the key as well."),
		"key_without_cert": tls(acctest.Config{"key_file": "/k.pem"}, "tls.cert_file",
			"KINE ignores a key without its client certificate. Set the file of the certificate as well."),
		"relative_context": {valid(acctest.Config{"servers": nil, "context_file": "./k3s.json"}), "context_file", `"./k3s.json" is relative to the directory in which k3s is started. ` + node},
		"variable_in_path": field("credentials_file", "/etc/$HOSTNAME.creds",
			`KINE expands the $ in "/etc/$HOSTNAME.creds" as an environment variable. Use a path without a dollar sign.`),
		"url_as_path": field("credentials_file", "file:///c.creds",
			`"file:///c.creds" is relative to the directory in which k3s is started. `+node),
		"home_key": tls(acctest.Config{"cert_file": "/c.pem", "key_file": "~k3s/k.pem"}, "tls.key_file",
			`KINE does not expand the ~ in "~k3s/k.pem". `+node),
		"empty_ca": tls(acctest.Config{"ca_file": ""}, "tls.ca_file", empty),

		// The bucket.
		"no_name":            datastore("name", "", "is an empty string"),
		"space_in_name":      datastore("name", "a b", "only letters, digits, dashes and underscores are allowed"),
		"wildcard_name":      datastore("name", "kine*", "only letters, digits, dashes and underscores are allowed"),
		"slash_in_name":      datastore("name", "a/b", "only letters, digits, dashes and underscores are allowed"),
		"dot_in_name":        datastore("name", "a.b", "only letters, digits, dashes and underscores are allowed"),
		"long_name":          datastore("name", strings.Repeat("n", 253), "at most 252 characters"),
		"history_0":          datastore("history", 0, "Attribute datastore.history value must be between 2 and 64, got: 0"),
		"history_1":          datastore("history", 1, "between 2 and 64"),
		"history_65":         datastore("history", 65, "between 2 and 64"),
		"history_256":        datastore("history", 256, "between 2 and 64"),
		"replicas_0":         datastore("replicas", 0, "Attribute datastore.replicas value must be between 1 and 5, got: 0"),
		"replicas_negative":  datastore("replicas", -1, "between 1 and 5"),
		"replicas_6":         datastore("replicas", 6, "between 1 and 5"),
		"replicas_300":       datastore("replicas", 300, "between 1 and 5"),
		"domain_with_dot":    datastore("jetstream_domain", "a.b", "one of . * >"),
		"slow_without_unit":  field("slow_method", "1", "it is not a number with a unit of ns, us, ms, s, m or h"),
		"slow_negative":      field("slow_method", "-1s", "it is not above zero"),
		"slow_0":             field("slow_method", "0s", "it is not above zero"),
		"timeout_no_unit":    {valid(acctest.Config{"timeouts": acctest.Config{"create": "5"}}), "timeouts.create", `"5" must be a string`},
		"not_writable":       {valid(store(acctest.Config{"writable": false})), "datastore", "KINE could not start on this datastore: writable is false, without a reason. Set datastore to the bucket that is in use, or make this bucket writable first."},
		"not_writable_fence": {valid(store(acctest.Config{"writable": false, "reason": "the bucket is fenced"})), "datastore", "KINE could not start on this datastore: the bucket is fenced. Set datastore to the bucket that is in use, or make this bucket writable first."},
	}
	maps.Copy(rows, oddVerifications(t))
	maps.Copy(rows, oddProofs(t))
	return rows
}

// oddProofs returns invalid settings of k3s and of a verification with KINE.
func oddProofs(t *testing.T) map[string]invalid {
	t.Helper()
	credentials := newCredentials(t)
	token := func(token any, want string) invalid {
		return invalid{valid(acctest.Config{"k3s_token_wo": token, "k3s_token_wo_version": "1"}), "k3s_token_wo",
			"Attribute k3s_token_wo must be a k3s token: " + want}
	}
	etcd := func(config acctest.Config, path, want string) invalid {
		config["verify"] = "etcd"
		return invalid{valid(config), path, want}
	}
	const contract = `Set verify = "contract", which connects without KINE.`
	return map[string]invalid{
		"empty_version":    {valid(acctest.Config{"k3s_version": ""}), "k3s_version", "leave it out or set it to null"},
		"token_no_version": {valid(acctest.Config{"k3s_token_wo": "s3cr3t"}), "k3s_token_wo", `"k3s_token_wo_version" must be specified when`},
		"version_no_token": {valid(acctest.Config{"k3s_token_wo_version": "1"}), "k3s_token_wo_version", `"k3s_token_wo" must be specified when`},
		"token_unverified": {valid(acctest.Config{"k3s_token_wo": "s3cr3t", "k3s_token_wo_version": "1", "verify": "none"}), "k3s_token_wo", `With verify = "none" the token is not compared with the bucket. Remove the token, or set verify = "contract".`},
		"token_empty":      {valid(acctest.Config{"k3s_token_wo": "", "k3s_token_wo_version": "1"}), "k3s_token_wo", "leave it out or set it to null"},
		"token_newline": token("s3cr3t\n",
			"it has leading or trailing white space: use trimspace() to read it from a file"),
		"token_of_agents": token("s3cr3t.0123456789abcdef",
			"it is a bootstrap token, which only agents can use: use the token of the servers"),
		"token_short_hash":  token("K10abc::server:s3cr3t", "it has 3 characters between K10 and ::, but a hash has 64"),
		"token_no_password": token("K10::server", "it is neither of the form K10<CA hash>::<user>:<password>"),
		"etcd_on_node": etcd(acctest.Config{"credentials_file": "/c"}, "verify",
			`Set verification.credentials_wo to the content of that file, or set verify = "contract".`),
		"etcd_context": etcd(acctest.Config{"servers": nil, "context_file": "/c"}, "verify", "whose credentials are "+
			"in a file on the node. Set verification.credentials_wo to the content of that file, or set verify = \"contract\"."),
		"etcd_websocket": etcd(acctest.Config{"verification": acctest.Config{"servers": list("wss://h")}}, "verification",
			"KINE does not connect to wss://h: it only supports the scheme nats. "+contract),
		"etcd_server_name": etcd(acctest.Config{"verification": acctest.Config{"tls": acctest.Config{"server_name": "n"}}},
			"verification", "KINE has no setting for the server name in the certificate. "+contract),
		"etcd_first": etcd(acctest.Config{"verification": acctest.Config{"tls": acctest.Config{"handshake_first": true}}},
			"verification", "KINE can only start TLS before the server's INFO if a context file sets it. "+contract),
		"etcd_no_servers": etcd(acctest.Config{"servers": nil, "context_file": "/c",
			"verification": acctest.Config{"credentials_wo": credentials, "credentials_wo_version": "1"}}, "verification",
			"Also set verification.servers to these servers"),
	}
}

// kineMisreads lists the known misinterpretations of KINE. Each is an error of the plan in a field of the endpoint. If
// it cannot occur in a field, the function datastore_endpoint_parse reports it.
var kineMisreads = []struct {
	what string
	// fields are names of oddInputs; parse is an endpoint that can only be parsed.
	fields []string
	parse  string
}{
	{"a query or credentials on a later URL are ignored", []string{"credentials_in_second_url", "parameters_in_second_url"}, ""},
	{"a password is sent percent-encoded", []string{"at_in_password", "colon_in_password", "slash_in_password", "percent_in_password", "hash_in_password", "comma_in_password"}, ""},
	{"numbers that are none become the default", nil, "nats://h?noEmbed&replicas=three"},
	{"a negative number becomes the default", []string{"replicas_negative"}, "nats://h?noEmbed&replicas=-1"},
	{"a fraction becomes the default", nil, "nats://h?noEmbed&replicas=3.0"},
	{"numbers above a byte become the default", []string{"replicas_300", "history_256"}, "nats://h?noEmbed&revHistory=256"},
	{"numbers out of range are refused", []string{"replicas_0", "replicas_6", "history_1", "history_65"}, ""},
	{"a duration without a unit is refused", []string{"slow_without_unit"}, ""},
	{"unknown and wrongly cased parameters are ignored", nil, "nats://h?noEmbed&Bucket=x"},
	{"a path and a fragment are ignored", []string{"path", "fragment"}, ""},
	{"other schemes are unknown", []string{"tls", "ws", "wss", "uppercase_scheme"}, ""},
	{"jetstream wants another URL behind it", []string{"jetstream", "jetstream_before_url"}, ""},
	{"a host beside a context file is refused", []string{"context_beside_servers"}, ""},
	{"a user beside a context file is dropped", []string{"context_and_user", "context_and_token"}, ""},
	{"a ~ is not expanded", []string{"home_credentials", "home_context", "home_ca", "home_key"}, ""},
	{"a + in a path becomes a space", nil, "nats://h?noEmbed&credsFile=/a+b.creds"},
	{"noEmbed=false counts as true", nil, "nats://h?noEmbed=false"},
	{"a certificate without a key is ignored", []string{"cert_without_key", "key_without_cert"}, ""},
	{"ports out of range are accepted", []string{"port_0", "port_99999"}, ""},
	{"an IPv6 address without brackets is accepted", []string{"ipv6_without_brackets"}, ""},
}

func TestKINEMisreadings(t *testing.T) {
	rows := oddInputs(t)
	if len(rows) < 80 {
		t.Errorf("%d odd inputs, want more than 80", len(rows))
	}
	for _, m := range kineMisreads {
		if len(m.fields) == 0 && m.parse == "" {
			t.Errorf("%s: neither a field nor the function reports it", m.what)
		}
		for _, name := range m.fields {
			if _, ok := rows[name]; !ok {
				t.Errorf("%s: there is no row %s", m.what, name)
			}
		}
		if in := kine.InspectEndpoint(m.parse); m.parse != "" && in.Error == "" && len(in.Warnings) != 1 {
			t.Errorf("%s: the warnings about %s are %q", m.what, m.parse, in.Warnings)
		}
	}
}

// oddVerifications returns invalid settings of the verification.
func oddVerifications(t *testing.T) map[string]invalid {
	t.Helper()
	credentials := newCredentials(t)
	pair, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	seed, err := pair.Seed()
	if err != nil {
		t.Fatal(err)
	}
	onFile := acctest.Config{"credentials_file": "/c.creds"}
	with := func(more, verification acctest.Config, path, want string) invalid {
		config := maps.Clone(more)
		config["verification"] = verification
		return invalid{valid(config), "verification" + path, want}
	}
	tls := func(config acctest.Config, path, want string) invalid {
		return with(acctest.Config{}, acctest.Config{"tls": config}, ".tls"+path, want)
	}
	const unfit = "The verification connects in the same way as k3s: with the user and password or the token of this " +
		"endpoint, or without credentials. Remove verification.credentials_wo, or set credentials_file or context_file if " +
		"k3s uses such a file."
	return map[string]invalid{
		"unknown_verify": {valid(acctest.Config{"verify": "etc"}), "verify", `value must be one of: ["none" "contract" "etcd"]`},
		"verification_of_none": with(acctest.Config{"verify": "none"}, acctest.Config{"servers": list("nats://h")}, "",
			`With verify = "none" nothing is verified. Remove verification, or set verify = "contract".`),
		"verification_server": with(acctest.Config{}, acctest.Config{"servers": list("http://h")}, ".servers[0]",
			`unknown scheme "http": use nats, tls, ws or wss`),
		"verification_password": with(acctest.Config{}, acctest.Config{"servers": list("nats://u:s3cr3t@h")}, ".servers[0]",
			"the URL contains credentials: use the settings for user and password, token or credentials."),
		"verification_no_servers": with(acctest.Config{}, acctest.Config{"servers": list()}, ".servers",
			"at least 1 elements"),
		"verification_null": with(acctest.Config{}, acctest.Config{"servers": list("nats://h", nil)}, ".servers[1]",
			"is null"),
		"verification_unused": with(onFile, acctest.Config{"servers": list("nats://h")}, "",
			"Also set verification.credentials_wo, or remove the servers and TLS settings."),
		"key_no_version": tls(acctest.Config{"cert_file": "/c",
			"key_pem_wo": "-----BEGIN X-----\nAAAA\n-----END X-----\n"}, ".key_pem_wo",
			`"verification.tls.key_pem_wo_version" must be specified when`),
		"credentials_no_version": with(onFile, acctest.Config{"credentials_wo": credentials}, ".credentials_wo",
			`"verification.credentials_wo_version" must be specified when`),
		"version_no_credentials": with(onFile, acctest.Config{"credentials_wo_version": "1"}, ".credentials_wo_version",
			`"verification.credentials_wo" must be specified when`),
		"credentials_are_seed": with(onFile, acctest.Config{"credentials_wo": string(seed),
			"credentials_wo_version": "1"}, ".credentials_wo", "there is no JWT between BEGIN and END lines"),
		"credentials_are_path": with(onFile, acctest.Config{"credentials_wo": "/c.creds", "credentials_wo_version": "1"},
			".credentials_wo", "not the content of a credentials file"),
		"credentials_beside_user": with(acctest.Config{"user": "u", "password": "s3cr3t"},
			acctest.Config{"credentials_wo": credentials, "credentials_wo_version": "1"}, ".credentials_wo", unfit),
		"credentials_beside_token": with(acctest.Config{"token": "s3cr3t"},
			acctest.Config{"credentials_wo": credentials, "credentials_wo_version": "1"}, ".credentials_wo", unfit),
		"credentials_and_context": with(acctest.Config{"servers": nil, "context_file": "/c"},
			acctest.Config{"credentials_wo": credentials, "credentials_wo_version": "1"}, "",
			"The servers are in the context file on the node. Also set verification.servers to these servers, or remove "+
				"verification.credentials_wo."),
		"credentials_for_nobody": with(acctest.Config{},
			acctest.Config{"credentials_wo": credentials, "credentials_wo_version": "1"}, ".credentials_wo", unfit),
		"verification_ca_twice": tls(acctest.Config{"ca_file": "/c", "ca_pem": "x"}, ".ca_file",
			`"verification.tls.ca_pem" cannot be specified`),
		"verification_ca_no_pem":  tls(acctest.Config{"ca_pem": "/ca.pem"}, ".ca_pem", "it contains no PEM block"),
		"verification_ca_at_home": tls(acctest.Config{"ca_file": "~/ca.pem"}, ".ca_file", "use pathexpand()"),
		"verification_no_key": tls(acctest.Config{"cert_file": "/c"}, "",
			"A client certificate requires its key, and a key its certificate. Set both, each as a file or as PEM text."),
		"verification_no_cert": tls(acctest.Config{"key_pem_wo_version": "1",
			"key_pem_wo": "-----BEGIN X-----\nAAAA\n-----END X-----\n"}, "",
			"A client certificate requires its key, and a key its certificate. Set both, each as a file or as PEM text."),
		"verification_two_keys": tls(acctest.Config{"cert_file": "/c", "key_file": "/k", "key_pem_wo_version": "1",
			"key_pem_wo": "-----BEGIN X-----\nAAAA\n-----END X-----\n"}, ".key_pem_wo",
			`"verification.tls.key_file" cannot be specified`),
		"verification_key_no_pem": tls(acctest.Config{"cert_file": "/c", "key_pem_wo_version": "1", "key_pem_wo": "s3cr3t"},
			".key_pem_wo", "it contains no PEM block"),
	}
}

// Each input that KINE would ignore, misinterpret or refuse is one error on its attribute, with the remedy, before any
// connection.
func TestOddInput(t *testing.T) {
	for name, row := range oddInputs(t) {
		t.Run(name, func(t *testing.T) {
			found := acctest.ValidateResource(t, resourceType, row.config)
			matches := 0
			for _, d := range found {
				if !d.Warning && d.Path == row.path && acctest.Text(row.want).MatchString(d.Text) {
					matches++
					// An error without a separate remedy describes what is required.
					if _, remedy, ok := strings.Cut(d.Text, "\n\n"); ok &&
						!strings.Contains(row.want, strings.SplitAfter(remedy, " ")[0]) {
						t.Errorf("the remedy %q is not asserted", remedy)
					}
				}
				if strings.Contains(d.Text, "s3cr3t") {
					t.Errorf("%s shows a secret", d.Text)
				}
			}
			if matches != 1 {
				t.Errorf("%d errors on %s with %q in %+v", matches, row.path, row.want, found)
			}
			// A conflict is reported for both attributes.
			if len(found) > 1 && !strings.Contains(row.want, "specified") && !strings.Contains(row.want, "one way") &&
				!strings.HasPrefix(name, "empty") {
				t.Errorf("the same error is reported more than once: %+v", found)
			}
		})
	}
}

// Valid values and unknown values are no errors.
func TestGoodInput(t *testing.T) {
	unknown := acctest.Unknown{}
	for name, changes := range map[string]acctest.Config{
		"plain":             {},
		"several servers":   {"servers": list("nats://a", "nats://a:4223", "nats://10.0.0.1:4222", "nats://[::1]:4222")},
		"user and password": {"user": "k3s.user", "password": "Az09-_.~$&+;="},
		"token":             {"token": "Az09-_.~$&+;="},
		"credentials file":  {"credentials_file": "/etc/a+b c.creds"},
		"context file":      {"servers": nil, "context_file": "/etc/nats/k3s.json"},
		"TLS":               {"tls": acctest.Config{"ca_file": "/ca", "cert_file": "/c", "key_file": "/k"}},
		"slow":              {"slow_method": "1m30s"},
		"verification": {"credentials_file": "/c", "verification": acctest.Config{"servers": list("tls://h"),
			"credentials_wo": newCredentials(t), "credentials_wo_version": "1",
			"tls": acctest.Config{"handshake_first": true, "server_name": "n"}}},
		"everything unknown": {"servers": unknown, "datastore": unknown, "credentials_file": unknown, "context_file": unknown, "user": unknown,
			"password": unknown, "token": unknown, "tls": unknown, "slow_method": unknown, "verify": unknown,
			"verification": unknown},
		"an unknown server":                 {"servers": list("nats://a", unknown)},
		"servers beside an unknown context": {"context_file": unknown},
		"no servers but an unknown context": {"servers": nil, "context_file": unknown},
		"unknown parts of the datastore":    {"datastore": acctest.Config{"name": unknown, "history": unknown, "replicas": unknown, "writable": unknown}},
		"an unknown reason":                 {"datastore": acctest.Config{"name": "kine", "history": 10, "replicas": 1, "writable": unknown, "reason": unknown}},
		"a user and an unknown password":    {"user": "u", "password": unknown},
		"a certificate and an unknown key":  {"tls": acctest.Config{"cert_file": "/c", "key_file": unknown}},
		"unknown credentials":               {"credentials_file": "/c", "verification": acctest.Config{"credentials_wo": unknown, "credentials_wo_version": unknown}},
		"none with an unknown verification": {"verify": unknown, "verification": acctest.Config{"servers": unknown}},
	} {
		t.Run(name, func(t *testing.T) {
			if found := acctest.ValidateResource(t, resourceType, valid(changes)); len(found) > 0 {
				t.Errorf("%+v", found)
			}
		})
	}
}

// The CLI reports the same errors without a server.
func TestAccOddInput(t *testing.T) {
	lab := natslab.Single(t)
	rows := oddInputs(t)
	configs := map[string]acctest.Config{}
	for name, row := range rows {
		configs[name] = row.config
	}
	w := acctest.NewWorkspace(t, acctest.ProviderConfig(lab.URLs()))
	w.ConfigureJSON(t, "rows", map[string]any{"resource": map[string]any{resourceType: configs}})
	found := w.ValidateErrors(t)
	for _, name := range slices.Sorted(maps.Keys(rows)) {
		if all := strings.Join(found[resourceType+"."+name], "\n"); !acctest.Text(rows[name].want).MatchString(all) {
			t.Errorf("%s: no error with %q in %q", name, rows[name].want, all)
		}
	}
	if n := lab.TotalConnections(); n != 0 {
		t.Errorf("%d connections were made", n)
	}
}

// Errors that only a configuration can contain, and values that become known between validation and plan.
func TestAccOddInputInPlans(t *testing.T) {
	variable := func(name, value string) string { return "variable \"" + name + "\" {\n  default = " + value + "\n}\n" }
	for name, c := range map[string]struct{ config, want string }{
		"misspelt attribute": {endpoint(servers("nats://h"), `datastore = { name = "kine", histroy = 20, replicas = 1 }`), `attribute "history" is required`},
		"number in words":    {endpoint(servers("nats://h"), `datastore = { name = "kine", history = 10, replicas = "three" }`), "a number is required"},
		"fraction":           {endpoint(servers("nats://h"), `datastore = { name = "kine", history = 10, replicas = 1.5 }`), "1.5"},
		"no datastore":       {endpoint(servers("nats://h")), `"datastore" is required`},
		"server of a variable": {variable("server", `"tls://h"`) + endpoint("servers = [var.server]", literal),
			"KINE does not support the scheme tls."},
		"password of a variable": {variable("password", `"a/b"`) + endpoint(servers("nats://h"), `user = "u"`, "password = var.password", literal),
			"the password has characters that KINE sends percent-encoded"},
		"history of a variable": {variable("history", "65") + endpoint(servers("nats://h"), `datastore = { name = "kine", history = var.history, replicas = 1 }`),
			"Attribute datastore.history value must be between 2 and 64, got: 65"},
	} {
		t.Run(name, func(t *testing.T) {
			acctest.Run(t, resource.TestCase{Steps: []resource.TestStep{{
				Config:      acctest.ProviderConfig([]string{"nats://127.0.0.1:1"}) + c.config,
				PlanOnly:    true,
				ExpectError: acctest.Text(c.want),
			}}})
		})
	}
}
