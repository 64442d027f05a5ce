package provider_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/nats-io/nkeys"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// invalid is an invalid provider configuration.
type invalid struct {
	config acctest.Config
	// path is the attribute of the error, want part of its text.
	path, want string
}

// list is an abbreviation.
func list(elements ...any) []any { return append([]any{}, elements...) }

// secrets are values that no error may show.
type secrets struct {
	operatorSeed, accountSeed, accountKey, userSeed, credentials, otherCredentials string
}

func newSecrets(t *testing.T) secrets {
	t.Helper()
	seedOf := func(create func() (nkeys.KeyPair, error)) string {
		pair, err := create()
		if err != nil {
			t.Fatal(err)
		}
		seed, err := pair.Seed()
		if err != nil {
			t.Fatal(err)
		}
		return string(seed)
	}
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
	return secrets{
		operatorSeed: seedOf(nkeys.CreateOperator), accountSeed: seedOf(nkeys.CreateAccount), accountKey: account.PublicKey(),
		userSeed:         seedOf(nkeys.CreateUser),
		credentials:      credentials,
		otherCredentials: strings.Replace(credentials, "-----BEGIN USER NKEY SEED-----", "-----BEGIN-----", 1)[:300],
	}
}

// shown returns which of the secrets a text shows.
func (s secrets) shown(text string) []string {
	var found []string
	for _, secret := range []string{s.operatorSeed, s.accountSeed, s.userSeed, "hunter2", "PRIVATE KEY-"} {
		if strings.Contains(text, secret) {
			found = append(found, secret)
		}
	}
	for line := range strings.Lines(s.credentials) {
		if line = strings.TrimSpace(line); len(line) > 50 && !strings.Contains(line, " ") &&
			strings.Contains(text, line[10:50]) {
			found = append(found, line)
		}
	}
	return found
}

// invalidConfigs are the invalid configurations of the provider, by names that are valid as aliases.
func invalidConfigs(t *testing.T, s secrets) map[string]invalid {
	t.Helper()
	files, err := natslab.NewTLSFiles(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	server := func(url string, want string) invalid {
		return invalid{acctest.Config{"servers": list("nats://127.0.0.1:1", url)}, "servers[1]", want}
	}
	field := func(name string, value any, want string) invalid {
		return invalid{acctest.Config{name: value}, name, want}
	}
	tls := func(config acctest.Config, path, want string) invalid {
		return invalid{acctest.Config{"tls": config}, path, want}
	}
	both := func(a string, valueA any, b string, valueB any) invalid {
		return invalid{acctest.Config{a: valueA, b: valueB}, a,
			fmt.Sprintf("Attribute %q cannot be specified when %q is specified", b, a)}
	}
	accounts := func(name string, value any, want string) invalid {
		return invalid{acctest.Config{"accounts": acctest.Config{name: value}}, "accounts." + name, want}
	}
	operator := func(name string, value any, want string) invalid {
		return invalid{acctest.Config{"operator": acctest.Config{name: value}}, "operator." + name, want}
	}
	const oneOfTwo = "A client certificate requires its key, and a key its certificate"

	return map[string]invalid{
		"no_servers":             field("servers", list(), "at least 1 element"),
		"empty_server":           server("", "is an empty string"),
		"server_with_password":   server("nats://user:hunter2@host", "the URL contains credentials: use the settings for"),
		"server_with_token":      server("nats://hunter2@host", "the URL contains credentials"),
		"servers_in_one":         server("nats://a,nats://b", "set each server as a separate element"),
		"unknown_scheme":         server("http://host", `unknown scheme "http": use nats, tls, ws or wss`),
		"port_0":                 server("nats://host:0", "port 0 is not between 1 and 65535"),
		"port_too_big":           server("nats://host:70000", "port 70000 is not between"),
		"port_is_no_number":      server("nats://host:nats", "invalid port"),
		"no_port_after_colon":    server("nats://host:", "has a colon but no port"),
		"space_before":           server(" nats://host", "white space"),
		"newline_behind":         server("nats://host\n", "white space"),
		"ipv6_without_brackets":  server("nats://fe80::1", "must be in brackets"),
		"server_with_path":       server("nats://host/kine", `has a path "/kine"`),
		"server_with_parameters": server("nats://host?bucket=kine", "parameters"),
		"no_host":                server("nats://:4222", "no host"),

		"credentials_and_file":  both("credentials", s.credentials, "credentials_file", "/x.creds"),
		"credentials_and_token": both("credentials", s.credentials, "token", "hunter2"),
		"file_and_seed":         both("credentials_file", "/x.creds", "nkey_seed", s.userSeed),
		"token_and_seed":        both("token", "hunter2", "nkey_seed", s.userSeed),
		"user_and_token": {acctest.Config{"user": "u", "password": "hunter2", "token": "hunter2"}, "user",
			`Attribute "token" cannot be specified when "user" is specified`},
		"user_alone":     field("user", "u", `Attribute "password" must be specified when "user" is specified`),
		"password_alone": field("password", "hunter2", `Attribute "user" must be specified when "password" is specified`),
		"empty_user":     {acctest.Config{"user": "", "password": "hunter2"}, "user", "leave it out or set it to null"},
		"empty_password": {acctest.Config{"user": "u", "password": ""}, "password", "leave it out or set it to null"},
		"empty_token":    field("token", "", "leave it out or set it to null"),

		"seed_of_operator": field("nkey_seed", s.operatorSeed,
			"it is the seed of an operator key: a user's seed, which starts with SU, is needed"),
		"seed_of_account":      field("nkey_seed", s.accountSeed, "it is the seed of an account key"),
		"broken_seed":          field("nkey_seed", s.userSeed[:40], "not an NKey seed"),
		"path_for_credentials": field("credentials", "/etc/nats/user.creds", "there is no JWT between BEGIN and END lines"),
		"seed_for_credentials": field("credentials", s.userSeed, "there is no JWT"),
		"cut_credentials": field("credentials", s.otherCredentials,
			"Attribute credentials must be the content of a credentials file"),
		"empty_credentials": field("credentials", "", "leave it out or set it to null"),
		"home_directory":    field("credentials_file", "~/user.creds", "the ~ is not expanded: use pathexpand()"),
		"empty_path":        field("credentials_file", "", "leave it out or set it to null"),

		"empty_context": field("context", "", "leave it out or set it to null"),
		"relative_context": field("context", "contexts/prod.json",
			"it is a relative path: use the name of a context or an absolute path"),
		"context_in_parent":     field("context", "../prod", "it is a relative path"),
		"context_in_home":       field("context", "~/prod.json", "use pathexpand()"),
		"domain_with_dot":       field("jetstream_domain", "a.b", "one of . * >"),
		"empty_domain":          field("jetstream_domain", "", "leave it out or set it to null"),
		"domain_with_space":     field("jetstream_domain", "a b", "white space"),
		"timeout_without_unit":  field("connect_timeout", "5", "it is not a number with a unit of ns, us, ms, s, m or h"),
		"timeout_of_nothing":    field("connect_timeout", "0s", "it is not above zero"),
		"negative_timeout":      field("request_timeout", "-1s", "it is not above zero"),
		"timeout_in_days":       field("request_timeout", "1d", "it is not a number with a unit"),
		"unknown_unreachable":   field("unreachable", "ignore", `value must be one of: ["error" "warn"]`),
		"unreachable_uppercase": field("unreachable", "WARN", "value must be one of"),

		"operators_key_of_user": operator("signing_key", s.userSeed,
			"Attribute operator.signing_key must be the seed of a key pair: it is the seed of a user key: an operator's seed, "+
				"which starts with SO, is needed"),
		"operators_key_of_account": operator("signing_key", s.accountSeed,
			"it is the seed of an account key: an operator's seed"),
		"operators_key_is_cut": operator("signing_key", s.operatorSeed[:50],
			"not an NKey seed: an operator's seed starts with SO"),
		"operators_key_is_empty": operator("signing_key", "", "leave it out or set it to null"),
		"accounts_key_of_operator": accounts("signing_key", s.operatorSeed,
			"it is the seed of an operator key: an account's seed, which starts with SA"),
		"accounts_key_is_public": accounts("signing_key", s.accountKey,
			"not an NKey seed: an account's seed starts with SA"),
		"accounts_key_is_empty": accounts("signing_key", "", "leave it out or set it to null"),
		"previous_key_is_a_seed": {acctest.Config{"accounts": acctest.Config{"previous_public_keys": list(s.accountSeed)}},
			"accounts.previous_public_keys[0]",
			"it is a seed, which is secret: the public key of an account is needed, which starts with A"},
		"previous_key_is_null": {acctest.Config{"accounts": acctest.Config{"previous_public_keys": list(nil)}},
			"accounts.previous_public_keys[0]", "is null"},
		"previous_keys_repeat": {acctest.Config{"accounts": acctest.Config{"previous_public_keys": list(s.accountKey, s.accountKey)}},
			"accounts.previous_public_keys", "duplicate"},
		"system_path_as_content": operator("system_credentials", "/etc/nats/sys.creds",
			"there is no JWT between BEGIN and END lines"),
		"system_seed_as_content": operator("system_credentials", s.userSeed, "there is no JWT"),
		"system_credentials_cut": operator("system_credentials", s.otherCredentials,
			"must be the content of a credentials file"),
		"system_content_as_path": operator("system_credentials_file", s.credentials,
			"and not a path: write that to a file"),
		"credentials_as_path":      field("credentials_file", s.credentials, "and not a path: write that to a file"),
		"seed_as_path":             field("credentials_file", s.userSeed, "and not a path: write that to a file"),
		"system_file_in_home":      operator("system_credentials_file", "~/sys.creds", "use pathexpand()"),
		"system_file_without_name": operator("system_credentials_file", "", "leave it out or set it to null"),
		"system_credentials_twice": {acctest.Config{"operator": acctest.Config{"system_credentials": s.credentials, "system_credentials_file": "/s"}},
			"operator.system_credentials",
			`"operator.system_credentials_file" cannot be specified when "operator.system_credentials"`},

		"ca_twice": tls(acctest.Config{"ca_file": files.CA, "ca_pem": "x"}, "tls.ca_file",
			`"tls.ca_pem" cannot be specified when "tls.ca_file"`),
		"cert_twice": tls(acctest.Config{"cert_file": "/c", "cert_pem": "x", "key_file": "/k"}, "tls.cert_pem",
			`"tls.cert_file" cannot be specified`),
		"key_twice": tls(acctest.Config{"cert_file": "/c", "key_file": "/k", "key_pem": "x"}, "tls.key_pem",
			`"tls.key_file" cannot be specified`),
		"cert_without_key": tls(acctest.Config{"cert_file": files.ClientCert}, "tls", oneOfTwo),
		"key_without_cert": tls(acctest.Config{"key_file": files.ClientKey}, "tls", oneOfTwo),
		"ca_pem_is_path": tls(acctest.Config{"ca_pem": files.CA}, "tls.ca_pem",
			"Attribute tls.ca_pem must be PEM text: it contains no PEM block"),
		"broken_certificate": tls(acctest.Config{"ca_pem": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"},
			"tls.ca_pem", "it contains a certificate that cannot be parsed"),
		"key_pem_is_no_pem": tls(acctest.Config{"cert_file": "/c", "key_pem": "hunter2"}, "tls.key_pem",
			"it contains no PEM block"),
		"ca_in_home":        tls(acctest.Config{"ca_file": "~/ca.pem"}, "tls.ca_file", "use pathexpand()"),
		"empty_ca":          tls(acctest.Config{"ca_file": ""}, "tls.ca_file", "leave it out or set it to null"),
		"empty_server_name": tls(acctest.Config{"server_name": ""}, "tls.server_name", "leave it out or set it to null"),
	}
}

// Each conflict and each invalid value is an error on its attribute that shows no secret.
func TestInvalidConfig(t *testing.T) {
	s := newSecrets(t)
	for name, row := range invalidConfigs(t, s) {
		t.Run(name, func(t *testing.T) {
			found := acctest.ValidateProvider(t, row.config)
			matches := func(d acctest.Diagnostic) bool {
				return !d.Warning && d.Path == row.path && acctest.Text(row.want).MatchString(d.Text)
			}
			if !slices.ContainsFunc(found, matches) {
				t.Errorf("no error on %s that says %q in %+v", row.path, row.want, found)
			}
			for _, d := range found {
				if shown := s.shown(d.Text); shown != nil {
					t.Errorf("%s shows %q", d.Text, shown)
				}
			}
		})
	}
}

// A valid configuration has no errors, and neither has one with unknown values.
func TestValidConfig(t *testing.T) {
	s := newSecrets(t)
	files, err := natslab.NewTLSFiles(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	unknown := acctest.Unknown{}
	for name, config := range map[string]acctest.Config{
		"nothing":            {},
		"all but one auth":   {"servers": list("nats://a:4222", "tls://b", "ws://c/x", "wss://d", "e:1", "nats://[::1]:4222"), "context": "prod", "token": "t", "jetstream_domain": "hub", "connect_timeout": "1s", "request_timeout": "1m30s", "unreachable": "warn", "tls": acctest.Config{}},
		"credentials":        {"credentials": s.credentials},
		"credentials file":   {"credentials_file": "/nonexistent/user.creds"},
		"user and password":  {"user": "u", "password": "hunter2"},
		"seed":               {"nkey_seed": s.userSeed + "\n"},
		"context's file":     {"context": "/etc/nats/prod.json"},
		"TLS files":          {"tls": acctest.Config{"ca_file": "/ca.pem", "cert_file": "/c.pem", "key_file": "/k.pem", "server_name": "n", "handshake_first": true}},
		"unknown all":        {"servers": unknown, "context": unknown, "credentials": unknown, "credentials_file": unknown, "user": unknown, "password": unknown, "token": unknown, "nkey_seed": unknown, "tls": unknown, "jetstream_domain": unknown, "connect_timeout": unknown, "request_timeout": unknown, "unreachable": unknown, "operator": unknown, "accounts": unknown},
		"operator":           {"operator": acctest.Config{"signing_key": s.operatorSeed + "\n", "system_credentials": s.credentials}},
		"operator's file":    {"operator": acctest.Config{"system_credentials_file": "/nonexistent/sys.creds"}},
		"empty operator":     {"operator": acctest.Config{}},
		"accounts":           {"accounts": acctest.Config{"signing_key": s.accountSeed + "\n", "previous_public_keys": list(s.accountKey)}},
		"unknown accounts":   {"accounts": acctest.Config{"signing_key": unknown, "previous_public_keys": list(unknown)}},
		"unknown operator":   {"operator": acctest.Config{"signing_key": unknown, "system_credentials": unknown, "system_credentials_file": "/s"}},
		"an unknown server":  {"servers": list("nats://a", unknown)},
		"an unknown key":     {"tls": acctest.Config{"cert_file": "/c", "key_pem": unknown}},
		"a user and unknown": {"user": "u", "password": unknown},
		"TLS texts":          {"tls": acctest.Config{"ca_pem": text(t, files.CA), "cert_pem": text(t, files.ClientCert), "key_pem": text(t, files.ClientKey)}},
	} {
		t.Run(name, func(t *testing.T) {
			if found := acctest.ValidateProvider(t, config); len(found) > 0 {
				t.Errorf("%+v", found)
			}
		})
	}
}

// If part of the configuration is unknown when a server is needed, the error names it, and no other server is asked.
func TestUnknownConfig(t *testing.T) {
	decoy := natslab.Single(t)
	t.Setenv("NATS_URL", decoy.ClientURL())
	unknown := acctest.Unknown{}
	for _, attribute := range acctest.Schemas(t).Provider.Block.Attributes {
		configs := []acctest.Config{{attribute.Name: unknown}}
		switch attribute.Name {
		case "operator", "accounts":
			continue // not needed to reach a server: see TestOperatorConfig and TestAccountsConfig
		case "servers":
			configs = append(configs, acctest.Config{"servers": list(decoy.ClientURL(), unknown)})
		case "tls":
			configs = append(configs, acctest.Config{"tls": acctest.Config{"handshake_first": unknown}},
				acctest.Config{"tls": acctest.Config{"ca_pem": unknown}})
		}
		for _, config := range configs {
			found := acctest.ReadResource(t, config, "nats_kine_bucket", acctest.Config{"name": "kine", "stream": "KV_kine"})
			want := acctest.Text("The provider's configuration is not known yet: " + attribute.Name +
				" depends on values that are known only after an apply.")
			if len(found) != 1 || !want.MatchString(found[0].Text) {
				t.Errorf("with %v unknown: %+v", config, found)
			}
		}
	}
	unused(t, decoy)
}

// The same errors under a CLI, whose validation contacts no server. Each provider belongs to one bucket.
func TestAccInvalidConfig(t *testing.T) {
	s := newSecrets(t)
	rows := invalidConfigs(t, s)
	names := slices.Sorted(maps.Keys(rows))
	w := acctest.NewWorkspace(t, "")
	configure := func(w *acctest.Workspace, names ...string) {
		providers, buckets := list(), map[string]any{}
		for _, name := range names {
			config := maps.Clone(rows[name].config)
			config["alias"] = name
			providers = append(providers, config)
			buckets[name] = map[string]any{"provider": "nats." + name}
		}
		w.ConfigureJSON(t, "rows", map[string]any{
			"provider": map[string]any{"nats": providers}, "resource": map[string]any{"nats_kine_bucket": buckets},
		})
	}
	configure(w, names...)
	found := w.ValidateErrors(t)
	for name, row := range rows {
		if !acctest.Text(row.want).MatchString(strings.Join(found[name], "\n")) {
			t.Errorf("%s: no error that says %q in %q", name, row.want, found[name])
		}
	}
	one := w.Another(t, "")
	configure(one, names[0])
	if out, err := one.Run(t.Context(), "plan"); err == nil || strings.Contains(out, "no connection to") {
		t.Errorf("the plan gets past the provider's configuration:\n%s", out)
	}
}
