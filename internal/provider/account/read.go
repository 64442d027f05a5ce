package account

import (
	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/attribute"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/claimattr"
)

// readAccount reads the attributes that make up the claims.
func readAccount(o attribute.Object) claims.Account {
	limits := o.Object("limits")
	a := claims.Account{
		Claims: claims.Claims{
			PublicKey: o.Text("public_key"), Name: o.Text("name"), Tags: o.Texts("tags"), Audience: o.Text("audience"),
			NotBefore: o.Time("not_before"), Expires: o.Time("expires_at"),
		},
		Description: o.Text("description"), InfoURL: o.Text("info_url"),
		Limits: claims.Limits{
			Connections: limits.Number("connections"), LeafNodes: limits.Number("leaf_nodes"),
			Subscriptions: limits.Number("subscriptions"),
			Imports:       limits.Number("imports"), Exports: limits.Number("exports"), Payload: limits.Bytes("payload"),
			Data:              limits.Bytes("data"),
			NoWildcardExports: limits.Bool("disallow_wildcard_exports"), NoBearerTokens: limits.Bool("disallow_bearer"),
		},
		DefaultPermissions: claimattr.Permissions(o.Object("default_permissions")),
		Revocations:        o.Times("revocations"),
		ClusterTraffic:     o.Text("cluster_traffic"),
	}
	if jetStream := o.Object("jetstream"); !jetStream.IsNull() {
		for name, tier := range jetStream.Map("tiers") {
			if a.Tiers == nil {
				a.Tiers = map[string]claims.JetStream{}
			}
			a.Tiers[name] = readJetStream(tier)
		}
		if a.Tiers == nil || jetStream.HasOther("tiers") { // validation reports that they exclude each other
			flat := readJetStream(jetStream)
			a.JetStream = &flat
		}
	}
	for _, export := range o.Objects("exports") {
		a.Exports = append(a.Exports, readExport(export))
	}
	for _, i := range o.Objects("imports") {
		a.Imports = append(a.Imports, claims.Import{
			Name: i.Text("name"), Subject: i.Text("subject"), Account: i.Text("account"), Token: i.Text("token"),
			To:           i.Text("to"),
			LocalSubject: i.Text("local_subject"), Type: i.Text("type"), Share: i.Bool("share"),
			AllowTrace: i.Bool("allow_trace"),
		})
	}
	for _, key := range o.Objects("signing_keys") {
		signingKey := claims.SigningKey{PublicKey: key.Text("public_key")}
		if scope := key.Object("scope"); !scope.IsNull() {
			signingKey.Scope = &claims.Scope{
				Role: scope.Text("role"), Description: scope.Text("description"),
				Template: claimattr.Limits(scope.Object("template")),
			}
		}
		a.SigningKeys = append(a.SigningKeys, signingKey)
	}
	for subject, mapping := range o.Map("mappings") {
		if a.Mappings == nil {
			a.Mappings = map[string][]claims.Destination{}
		}
		for _, d := range mapping.Objects("destinations") {
			a.Mappings[subject] = append(a.Mappings[subject], claims.Destination{
				Subject: d.Text("subject"), Cluster: d.Text("cluster"),
				Weight: uint8(max(1, min(d.Int("weight"), 100))), //nolint:gosec // a validator refuses values outside these bounds
			})
		}
	}
	authorization := o.Object("authorization")
	a.Authorization = claims.Authorization{
		AuthUsers: authorization.Texts("auth_users"), AllowedAccounts: authorization.Texts("allowed_accounts"),
		XKey: authorization.Text("xkey"),
	}
	if trace := o.Object("trace"); !trace.IsNull() {
		a.Trace = &claims.Trace{Destination: trace.Text("destination"), Sampling: int(trace.Int("sampling"))}
	}
	return a
}

// readJetStream reads limits of streams. Storage that is not set is zero: the account has none.
func readJetStream(o attribute.Object) claims.JetStream {
	storage := func(name string) *int64 {
		if o.IsSet(name) {
			return o.Bytes(name)
		}
		return new(int64)
	}
	return claims.JetStream{
		MemoryStorage: storage("memory_storage"), DiskStorage: storage("disk_storage"),
		Streams: o.Number("streams"), Consumers: o.Number("consumers"), MaxAckPending: o.Number("max_ack_pending"),
		MemoryMaxStreamBytes: o.Bytes("memory_max_stream_bytes"), DiskMaxStreamBytes: o.Bytes("disk_max_stream_bytes"),
		MaxBytesRequired: o.Bool("max_bytes_required"),
	}
}

func readExport(o attribute.Object) claims.Export {
	e := claims.Export{
		Name: o.Text("name"), Subject: o.Text("subject"), Type: o.Text("type"), TokenRequired: o.Bool("token_required"),
		Revocations: o.Times("revocations"), ResponseType: o.Text("response_type"),
		ResponseThreshold:    o.Duration("response_threshold"),
		AccountTokenPosition: uint(max(0, o.Int("account_token_position"))), //nolint:gosec // a validator refuses negative values
		Advertise:            o.Bool("advertise"), AllowTrace: o.Bool("allow_trace"), Description: o.Text("description"), InfoURL: o.Text("info_url"),
	}
	if latency := o.Object("latency"); !latency.IsNull() {
		e.Latency = &claims.Latency{Results: latency.Text("results"), Sampling: int(latency.Int("sampling"))}
	}
	return e
}
