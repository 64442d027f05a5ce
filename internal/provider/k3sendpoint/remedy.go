package k3sendpoint

import (
	"strings"

	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
)

// messageSteps contains the next steps for messages that prevent KINE from starting.
var messageSteps = map[string]string{
	kine.FieldLastMessage: "Only KINE may write to the bucket or delete from it. Plan and apply the nats_kine_bucket " +
		"that created the bucket: this writes KINE's health key, which KINE also writes at each start, and nothing " +
		"else. If messages were deleted, restore the bucket instead.",
	kine.FieldMessages: "The data of the cluster is lost. Restore the bucket from a mirror or a backup. For a new " +
		"cluster, destroy the bucket and create it again.",
}

// mismatchStep returns the next step for a bucket on which KINE does not start.
func mismatchStep(mismatch *kine.MismatchError) string {
	var steps []string
	repair := false
	for _, v := range mismatch.Differences {
		if step, ok := messageSteps[v.Field]; ok {
			steps = append(steps, step)
		} else {
			repair = true
		}
	}
	if repair {
		steps = append([]string{repairStep}, steps...)
	}
	return strings.Join(steps, " ")
}

// limitSteps contains the next steps for limits that are too low for KINE.
var limitSteps = map[string]string{
	kine.LimitConsumers: "Raise or remove jetstream.consumers of the nats_account or of its tier, or " +
		"default_max_consumers of the server. The server removes unused consumers after five minutes.",
	kine.LimitSubscriptions: "Raise or remove limits.subscriptions of the nats_account, subscriptions of the " +
		"nats_user, or max_subscriptions of the server.",
	kine.LimitConnections: "Raise limits.connections of the nats_account, or max_connections of the server: each " +
		"KINE needs one connection, and the provider needs another to verify it.",
	kine.LimitPayload: "Raise limits.payload of the nats_account, payload of the nats_user, or max_payload of the server.",
	kine.LimitStorage: "Raise jetstream.disk_storage of the nats_account or of its tier, or max_file_store of the " +
		"server, or delete streams that are no longer needed.",
	kine.LimitStreams: "Raise jetstream.streams of the nats_account or of its tier.",
	kine.LimitTiers:   "Add a tier for the bucket's number of replicas to jetstream.tiers of the nats_account.",
}
