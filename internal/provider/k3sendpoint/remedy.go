package k3sendpoint

import (
	"strings"

	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
)

// messageSteps are what to do about messages on which KINE does not start.
var messageSteps = map[string]string{
	kine.FieldLastMessage: "Nothing but KINE may write to the bucket or delete from it. Plan and apply the nats_kine_bucket that made the bucket: that writes KINE's " +
		"health key, which KINE writes at each start as well, and nothing else. If messages were deleted, restore the bucket instead.",
	kine.FieldMessages: "The data of the cluster is gone. Restore the bucket from a mirror or a backup, or, for a new cluster, destroy it and make it anew.",
}

// mismatchStep is what to do about a bucket on which KINE does not start.
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

// limitSteps are what to do about the limits under which KINE does not work.
var limitSteps = map[string]string{
	kine.LimitConsumers: "Raise jetstream.consumers of the nats_account, or that of the tier, or default_max_consumers of the server, or leave it out. Consumers that " +
		"nobody uses any more go after five minutes.",
	kine.LimitSubscriptions: "Raise limits.subscriptions of the nats_account, subscriptions of the nats_user, or max_subscriptions of the server, or leave it out.",
	kine.LimitConnections: "Raise limits.connections of the nats_account, or max_connections of the server: each KINE needs one, and the provider another one to " +
		"verify it.",
	kine.LimitPayload: "Raise limits.payload of the nats_account, payload of the nats_user, or max_payload of the server.",
	kine.LimitStorage: "Raise jetstream.disk_storage of the nats_account, or that of the tier, or max_file_store of the server, or delete streams that nobody needs.",
	kine.LimitStreams: "Raise jetstream.streams of the nats_account, or that of the tier.",
	kine.LimitTiers:   "Give the nats_account a tier for the bucket's number of replicas in jetstream.tiers.",
}
