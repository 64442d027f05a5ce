package kinebucket

import (
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/connection"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/stream"
	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

// warnOfFacts warns of what keeps KINE from starting on the bucket, or is going to, where a plan that repairs it says too little: of
// everything on an import, where there may be no plan, and of what loses data or was done to the messages in any case.
func warnOfFacts(bucket *kine.Bucket, imported bool, diags *diag.Diagnostics) {
	at := path.Root(stream.DifferencesAttr)
	var others []kine.Difference
	for _, v := range bucket.Differences {
		switch v.Field {
		case kine.FieldFirstSequence:
			diags.AddAttributeWarning(at, "The Next Restart of the Server Deletes the Bucket's Data", secret.Sprintf("Bucket %q: %s Somebody has set it behind "+
				"Terraform's back.\n\nApply at once, before a server is restarted: the provider takes the field away before it does anything else.",
				bucket.Name, connection.Sentence(v.String())))
		case kine.FieldLastMessage:
			diags.AddAttributeWarning(at, "KINE Does Not Start on the Bucket", secret.Sprintf("Bucket %q: %s After a minute it fails. Nothing but KINE may write to the "+
				"bucket, or purge it.\n\nThe next apply writes KINE's health key, %s, which KINE writes at each start as well, and nothing else. If messages of "+
				"KINE's were deleted, that does not bring them back: restore the bucket instead.", bucket.Name, connection.Sentence(v.String()), kine.HealthKey))
		case kine.FieldMessages:
			diags.AddAttributeWarning(at, "The Bucket Was Emptied", secret.Sprintf("Bucket %q: %s The data of the Kubernetes cluster is gone.\n\nRestore the bucket from "+
				"a mirror or a backup before you do anything else.", bucket.Name, connection.Sentence(v.String())))
		default:
			others = append(others, v)
		}
	}
	if imported && len(others) > 0 {
		diags.AddAttributeWarning(at, "KINE Does Not Start on the Bucket", secret.Sprintf("Bucket %q, as it was imported: %s.\n\nThe next plan shows what an apply repairs, and "+
			"says what to do about the rest.", bucket.Name, kine.DescribeDifferences(others)))
	}
	if took := bucket.StartTime(); took >= kine.SlowStart {
		diags.AddWarning("KINE Starts Slowly on the Bucket", secret.Sprintf("Bucket %q: KINE reads the whole bucket when it starts, %d messages with %d bytes. That takes about "+
			"%s, and it fails for good if it takes longer than %s.\n\nDelete from Kubernetes what is not needed, such as old events and jobs, or keep less history in the "+
			"bucket, before k3s is restarted.", bucket.Name, bucket.Messages, bucket.Bytes, took.Round(time.Second), kine.StartLimit))
	}
	if err := bucket.CrowdedConsumers(); err != nil {
		diags.AddWarning("KINE May Not Start on the Bucket", secret.Sprintf("Bucket %q: %s\n\nFind out what leaves so many consumers (nats consumer ls %s), or raise the "+
			"account's limit of consumers.", bucket.Name, connection.Sentence(err.Error()), kine.StreamName(bucket.Name)))
	}
}
