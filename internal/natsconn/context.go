package natsconn

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/nats-io/jsm.go/natscontext"
	"github.com/nats-io/nats.go"

	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

// contextFields lists the fields of a context file (settings in jsm.go's natscontext/context.go). All of them have an
// effect, except name, description, color_scheme and jetstream_event_prefix.
var contextFields = []string{
	"name", "description", "url", "socks_proxy", "token", "user", "password", "creds", "nkey", "cert", "key", "ca", "nsc",
	"jetstream_domain", "jetstream_api_prefix", "jetstream_event_prefix", "inbox_prefix", "user_jwt", "user_seed",
	"color_scheme", "tls_first",
	"windows_cert_store", "windows_cert_match_by", "windows_cert_match", "windows_ca_certs_match",
}

// readContext reads a context, given by its name or the absolute path of its file. It ignores the domain of the context
// if domainSettled is set.
func readContext(name string, domainSettled bool) (source nats.Options, domain string, err error) {
	var backend natscontext.Backend = natscontext.NewDefaultFileBackend()
	if filepath.IsAbs(name) {
		file := natscontext.NewSingleFileBackend(name)
		backend, name = file, file.Name()
	}
	data, err := backend.Load(context.Background(), name)
	if err != nil {
		return source, "", err
	}
	said, err := saidBy(data)
	if err != nil {
		return source, "", err
	}
	read, err := natscontext.NewFromBytes(data)
	if err != nil {
		return source, "", err
	}
	options, err := read.NATSOptions()
	if err != nil {
		return source, "", err
	}
	for _, option := range options {
		if err := option(&source); err != nil {
			return source, "", err
		}
	}
	// The NATS CLI uses the local machine if a context has no server. The provider uses the servers of the next source.
	if said["url"] || said["nsc"] {
		source.Servers = splitServers(read.ServerURL())
	}
	if domainSettled {
		return source, "", nil
	}
	domain, err = contextDomain(read)
	return source, domain, err
}

// saidBy returns the fields that a context sets. It rejects fields that natscontext would silently ignore. The error
// contains no values.
func saidBy(data []byte) (map[string]bool, error) {
	var fields map[string]any
	if err := json.Unmarshal(data, &fields); err != nil {
		return nil, errors.New("it is not a JSON object")
	}
	said := map[string]bool{}
	for _, field := range slices.Sorted(maps.Keys(fields)) {
		switch value := fields[field].(type) {
		case nil:
			continue
		case string:
			said[field] = value != ""
		case bool:
			said[field] = value
		case []any:
			said[field] = len(value) > 0
		default:
			said[field] = true
		}
		if said[field] && !slices.Contains(contextFields, field) {
			return nil, fmt.Errorf("it sets %s, which this provider does not support: remove it from the context, or use "+
				"another context", field)
		}
	}
	for _, pair := range []struct{ field, needs string }{
		{"password", "user"}, {"user_seed", "user_jwt"}, {"cert", "key"}, {"key", "cert"},
		{"windows_cert_match_by", "windows_cert_store"}, {"windows_cert_match", "windows_cert_store"},
		{"windows_ca_certs_match", "windows_cert_store"},
	} {
		if said[pair.field] && !said[pair.needs] {
			return nil, fmt.Errorf("it sets %s without %s, which has no effect: set both or neither", pair.field, pair.needs)
		}
	}
	ways := slices.DeleteFunc([]string{"user", "creds", "nkey", "nsc", "user_jwt"},
		func(field string) bool { return !said[field] })
	if len(ways) > 1 {
		return nil, fmt.Errorf("it sets %s: only one way to authenticate can be used", strings.Join(ways, " and "))
	}
	return said, nil
}

// defaultAPIPrefix is the prefix of the JetStream API of the connected server.
const defaultAPIPrefix = "$JS.API"

// contextDomain returns the JetStream domain of a context. It accepts an API prefix that servers define for a domain,
// and rejects other prefixes, which are imports of the account.
func contextDomain(read *natscontext.Context) (string, error) {
	prefix := strings.TrimSuffix(read.JSAPIPrefix(), ".")
	domain, ok := strings.CutPrefix(prefix, "$JS.")
	domain, isAPI := strings.CutSuffix(domain, ".API")
	switch {
	case prefix == "" || prefix == defaultAPIPrefix:
		return read.JSDomain(), nil
	case !ok || !isAPI || CheckDomain(domain) != nil:
		return "", secret.Errorf("its jetstream_api_prefix is %q, but the provider only supports the prefix of a domain, "+
			"$JS.<domain>.API: connect as a user of the account that has the streams, or set jetstream_domain in the "+
			"provider's configuration", prefix)
	case cmp.Or(read.JSDomain(), domain) != domain:
		return "", secret.Errorf("its jetstream_api_prefix %q does not match its jetstream_domain %q: remove one of them",
			prefix, read.JSDomain())
	}
	return domain, nil
}
