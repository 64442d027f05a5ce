package provider_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// The largest values that the schemas accept.
const (
	endOfTime   = "2262-04-11T23:47:16Z"
	largest32   = "2147483647"
	largest64   = "9223372036854775807"
	longest     = "2562047h47m16s"
	longestName = 252
)

// edges are attributes of resources at the smallest and the largest accepted values, in blocks that one apply creates.
func edges(t *testing.T, s *system) string {
	t.Helper()
	key, user, operator := acctest.NewKey(t, natsconn.AccountKey), acctest.NewKey(t, natsconn.UserKey), acctest.NewKey(t,
		natsconn.OperatorKey)
	var b strings.Builder
	n := 0
	add := func(resource string, lines ...string) {
		n++
		fmt.Fprintf(&b, "resource %q \"r%d\" {\n  %s\n}\n", resource, n, strings.Join(lines, "\n  "))
	}
	account := func(lines ...string) {
		add("nats_account", append(lines, fmt.Sprintf("name = \"edge %d\"", n), "deletion_protection = false")...)
	}
	account("tags = []", "limits = {}", "exports = []", "imports = []", "signing_keys = []", "default_permissions = {}",
		"mappings = {}",
		"revocations = {}", "timeouts = {}")
	account(`limits = { connections = 0, leaf_nodes = 0, subscriptions = 0, imports = 0, exports = 0, payload = "0", data = 0,
		disallow_wildcard_exports = false, disallow_bearer = false }`,
		`default_permissions = { publish = {}, subscribe = { allow = [], deny = [] }, allow_responses = { max_messages = 0 } }`,
		`not_before = "1970-01-01T00:00:01Z"`, `revocations = { "*" = "1970-01-01T00:00:01Z" }`)
	account(fmt.Sprintf(`limits = { connections = %[1]s, leaf_nodes = %[1]s, subscriptions = %[1]s, imports = %[2]s, exports = %[2]s, payload = %[1]s,
		data = %[2]s }`, largest32, largest64), fmt.Sprintf("expires_at = %q", endOfTime),
		fmt.Sprintf(`default_permissions = { allow_responses = { max_messages = %s, expires = %q } }`, largest32, longest),
		fmt.Sprintf(`revocations = { (%q) = %q }`, user.Public, endOfTime))
	account(`limits = { payload = "-1", data = -1 }`,
		`default_permissions = { allow_responses = { max_messages = -1, expires = "1ns" } }`,
		`jetstream = { disk_storage = -1, memory_storage = "-1", disk_max_stream_bytes = "-1", memory_max_stream_bytes = "-1" }`)
	account(`jetstream = { disk_storage = 1, memory_storage = 1, streams = 0, consumers = 0, max_ack_pending = 0, disk_max_stream_bytes = 1,
		memory_max_stream_bytes = 1, max_bytes_required = false }`)
	account(fmt.Sprintf(`jetstream = { disk_storage = "1TiB", memory_storage = -1, streams = %[1]s, consumers = %[1]s, max_ack_pending = %[1]s,
		disk_max_stream_bytes = %[1]s, memory_max_stream_bytes = %[1]s, max_bytes_required = true }`, largest64))
	account(fmt.Sprintf(`jetstream = { tiers = { R1 = { disk_storage = "1KiB" }, R3 = { memory_storage = -1, streams = %s }, R5 = {} } }`, largest64))
	account(fmt.Sprintf(`exports = [
		{ subject = "a.*", type = "service", response_threshold = %q, account_token_position = 2, latency = { results = "r", sampling = 0 },
			revocations = {} },
		{ subject = "b", type = "service", response_threshold = "1ns", latency = { results = "r", sampling = 100 }, token_required = false },
	]`, longest), `mappings = { m = { destinations = [{ subject = "n", weight = 1 }, { subject = "o", weight = 99 }] } }`,
		`trace = { destination = "t", sampling = 1 }`)
	account(fmt.Sprintf(`signing_keys = [{ public_key = %q, scope = { role = "r", template = {} } }]`, key.Public),
		`push = false`,
		`trace = { destination = "t", sampling = 100 }`)
	account(fmt.Sprintf(`signing_keys = [{ public_key = %q, scope = { role = "r", template = { permissions = {}, subscriptions = 1, data = "1",
		payload = "1", source_networks = [], times = [], connection_types = [], bearer_token = false, proxy_required = false } } }]`, key.Public),
		fmt.Sprintf("authorization = { auth_users = [%q], allowed_accounts = [] }", user.Public))

	signed := func(lines ...string) {
		add("nats_user", append(lines, fmt.Sprintf("account = %q", key.Public),
			fmt.Sprintf("signing_key_seed_wo = %q", key.Seed), `name = "edge"`,
			"revoke_on_destroy = false")...)
	}
	signed("tags = []", "permissions = {}", "source_networks = []", "times = []", "connection_types = []",
		"scoped = false", "bearer_token = false",
		"proxy_required = false", "timeouts = {}")
	signed("permissions = { publish = {}, subscribe = { allow = [] }, allow_responses = { max_messages = 0 } }",
		"subscriptions = 0", "data = 0",
		"payload = 0", `not_before = "1970-01-01T00:00:01Z"`)
	signed(fmt.Sprintf("permissions = { allow_responses = { max_messages = %s, expires = %q } }", largest32, longest),
		"subscriptions = "+largest32,
		"data = "+largest64, "payload = "+largest32, `expires_in = "2000000h"`, `rotate_before = "1s"`)
	signed(`permissions = { allow_responses = { max_messages = -1, expires = "1ns" } }`, `data = "-1"`, `payload = -1`,
		fmt.Sprintf("not_before = %q", endOfTime))

	activation := func(lines ...string) {
		add("nats_activation", append(lines, fmt.Sprintf("account = %q", key.Public), fmt.Sprintf("import_account = %q",
			acctest.NewKey(t, natsconn.AccountKey).Public), fmt.Sprintf("signing_key_seed_wo = %q", key.Seed), `subject = "a"`,
			`type = "stream"`,
			`signing_key_seed_wo_version = "1"`)...)
	}
	activation("tags = []", `not_before = "1970-01-01T00:00:01Z"`)
	activation(fmt.Sprintf("expires_at = %q", endOfTime))

	add("nats_operator", `name = "edge"`, fmt.Sprintf("seed_wo = %q", operator.Seed), `seed_wo_version = "1"`,
		"signing_keys = []", "tags = []",
		"strict_signing_key_usage = false", `not_before = "1970-01-01T00:00:01Z"`, fmt.Sprintf("expires_at = %q", endOfTime))

	add("nats_account", `name = "buckets"`, `jetstream = { disk_storage = "1GiB" }`, "deletion_protection = false")
	in := fmt.Sprintf("account = nats_account.r%d.public_key", n)
	bucket := func(lines ...string) { add("nats_kine_bucket", append(lines, in, "deletion_protection = false")...) }
	bucket(`name = "least"`, "history = 2", "replicas = 1", "timeouts = {}", "fenced = false")
	bucket(fmt.Sprintf("name = %q", strings.Repeat("n", longestName)), "history = 64", "force_unfence = false",
		fmt.Sprintf(`timeouts = { create = %q, read = "1m" }`, longest))
	endpoint := func(lines ...string) {
		add("nats_k3s_datastore_endpoint", append(lines, fmt.Sprintf("servers = [%q]", s.urls[0]), `verify = "none"`)...)
	}
	endpoint(`datastore = { name = "kine", history = 2, replicas = 1 }`, `slow_method = "1ns"`, "tls = {}",
		"timeouts = {}")
	endpoint(fmt.Sprintf("datastore = { name = %q, history = 64, replicas = 5 }", strings.Repeat("n", longestName)),
		fmt.Sprintf("slow_method = %q", longest))
	return b.String()
}

// Real servers accept all values at the edges of the schemas (empty, smallest, largest), and the plan is empty
// afterwards, with and without a refresh.
func TestAccEdgeValuesConverge(t *testing.T) {
	operator, err := natslab.NewOperator("lab")
	if err != nil {
		t.Fatal(err)
	}
	lab := natslab.Single(t, natslab.OperatorMode(operator))
	s := newSystem(t, operator, lab.URLs())
	w := acctest.NewInProcess(t, s.provider()+edges(t, s))
	w.Apply(t)
	w.AssertConverged(t)
	w.Must(t, "destroy", "-auto-approve")
}
