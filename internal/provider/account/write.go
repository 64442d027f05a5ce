package account

import (
	"github.com/nats-k3s/terraform-provider-nats/internal/bytesize"
	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/attribute"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/claimattr"
)

// accountFields returns the attributes for claims. It is the inverse of readAccount.
func accountFields(a claims.Account) attribute.Fields {
	fields := attribute.Fields{
		"public_key": a.PublicKey, "name": a.Name, "tags": a.Tags, "audience": a.Audience, "not_before": a.NotBefore,
		"expires_at":  a.Expires,
		"description": a.Description, "info_url": a.InfoURL,
		"limits": attribute.Fields{
			"connections": a.Limits.Connections, "leaf_nodes": a.Limits.LeafNodes, "subscriptions": a.Limits.Subscriptions,
			"imports": a.Limits.Imports, "exports": a.Limits.Exports, "payload": a.Limits.Payload, "data": a.Limits.Data,
			"disallow_wildcard_exports": a.Limits.NoWildcardExports, "disallow_bearer": a.Limits.NoBearerTokens,
		}.OrNil(),
		"jetstream":           jetStreamFields(a),
		"default_permissions": claimattr.PermissionFields(a.DefaultPermissions),
		"revocations":         a.Revocations,
		"authorization": attribute.Fields{
			"auth_users": a.Authorization.AuthUsers, "allowed_accounts": a.Authorization.AllowedAccounts,
			"xkey": a.Authorization.XKey,
		}.OrNil(),
		"cluster_traffic": a.ClusterTraffic,
	}
	var exports, imports, signingKeys []attribute.Fields
	for _, e := range a.Exports {
		exports = append(exports, claimattr.ExportFields(e))
	}
	for _, i := range a.Imports {
		imports = append(imports, claimattr.ImportFields(i))
	}
	for _, key := range a.SigningKeys {
		field := attribute.Fields{"public_key": key.PublicKey}
		if key.Scope != nil {
			field["scope"] = attribute.Fields{
				"role": key.Scope.Role, "description": key.Scope.Description,
				"template": claimattr.LimitFields(key.Scope.Template).OrNil(),
			}
		}
		signingKeys = append(signingKeys, field)
	}
	mappings := map[string]attribute.Fields{}
	for subject, destinations := range a.Mappings {
		var list []attribute.Fields
		for _, d := range destinations {
			list = append(list, attribute.Fields{"subject": d.Subject, "weight": int64(d.Weight), "cluster": d.Cluster})
		}
		mappings[subject] = attribute.Fields{"destinations": list}
	}
	fields["exports"], fields["imports"], fields["signing_keys"], fields["mappings"] = exports, imports, signingKeys, mappings
	if a.Trace != nil {
		fields["trace"] = attribute.Fields{"destination": a.Trace.Destination, "sampling": a.Trace.Sampling}
	}
	return fields
}

func jetStreamFields(a claims.Account) attribute.Fields {
	limits := func(j claims.JetStream) attribute.Fields {
		return attribute.Fields{
			"memory_storage": storage(j.MemoryStorage), "disk_storage": storage(j.DiskStorage),
			"streams": j.Streams, "consumers": j.Consumers, "max_ack_pending": j.MaxAckPending,
			"memory_max_stream_bytes": j.MemoryMaxStreamBytes, "disk_max_stream_bytes": j.DiskMaxStreamBytes,
			"max_bytes_required": j.MaxBytesRequired,
		}
	}
	var fields attribute.Fields
	if a.JetStream != nil {
		fields = limits(*a.JetStream)
	}
	if len(a.Tiers) > 0 {
		tiers := map[string]attribute.Fields{}
		for name, tier := range a.Tiers {
			tiers[name] = limits(tier)
		}
		if fields == nil {
			fields = attribute.Fields{}
		}
		fields["tiers"] = tiers
	}
	return fields
}

// storage returns the value of a storage attribute: nil for no storage, and -1 for no limit.

func storage(limit *int64) *int64 {
	if limit == nil {
		unlimited := int64(bytesize.Unlimited)
		return &unlimited
	}
	if *limit == 0 {
		return nil
	}
	return limit
}
