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

// warnOfFacts warns of what prevents KINE from starting on the bucket, now or later, if the plan that repairs it does
// not say enough. After an import, when there may be no plan, it warns of everything; otherwise only of lost data and
// changed messages.
func warnOfFacts(bucket *kine.Bucket, imported bool, diags *diag.Diagnostics) {
	at := path.Root(stream.DifferencesAttr)
	var others []kine.Difference
	for _, v := range bucket.Differences {
		switch v.Field {
		case kine.FieldFirstSequence:
			diags.AddAttributeWarning(at, "The Next Restart of the Server Deletes the Bucket's Data", secret.Sprintf(
				"Bucket %q: %s It was set outside Terraform.\n\nApply immediately, before a server is restarted: "+
					"the provider removes the field before it does anything else.",
				bucket.Name, connection.Sentence(v.String())))
		case kine.FieldLastMessage:
			diags.AddAttributeWarning(at, "KINE Does Not Start on the Bucket", secret.Sprintf(
				"Bucket %q: %s KINE fails after a minute. Only KINE may write to the bucket or purge it.\n\nThe "+
					"next apply writes KINE's health key, %s, which KINE also writes at each start, and nothing "+
					"else. If messages from KINE were deleted, this does not restore them: restore the bucket "+
					"instead.",
				bucket.Name, connection.Sentence(v.String()), kine.HealthKey))
		case kine.FieldMessages:
			diags.AddAttributeWarning(at, "The Bucket Was Emptied", secret.Sprintf(
				"Bucket %q: %s The data of the Kubernetes cluster is lost.\n\nRestore the bucket from a mirror or a "+
					"backup before you do anything else.",
				bucket.Name, connection.Sentence(v.String())))
		default:
			others = append(others, v)
		}
	}
	if imported && len(others) > 0 {
		diags.AddAttributeWarning(at, "KINE Does Not Start on the Bucket", secret.Sprintf(
			"Bucket %q does not have the settings that KINE requires: %s.\n\nThe next plan shows what an apply "+
				"repairs, and explains what to do about the rest.",
			bucket.Name, kine.DescribeDifferences(others)))
	}
	if took := bucket.StartTime(); took >= kine.SlowStart {
		diags.AddWarning("KINE Starts Slowly on the Bucket", secret.Sprintf(
			"Bucket %q: KINE reads the whole bucket when it starts, %d messages with %d bytes. That takes about %s, "+
				"and KINE cannot start at all if it takes longer than %s.\n\nBefore k3s is restarted, delete "+
				"Kubernetes objects that are not needed, such as old events and jobs, or reduce the history of the "+
				"bucket.",
			bucket.Name, bucket.Messages, bucket.Bytes, took.Round(time.Second), kine.StartLimit))
	}
	if err := bucket.CrowdedConsumers(); err != nil {
		diags.AddWarning("KINE May Not Start on the Bucket", secret.Sprintf(
			"Bucket %q: %s\n\nFind out what leaves so many consumers (nats consumer ls %s), or raise the account's "+
				"consumer limit.",
			bucket.Name, connection.Sentence(err.Error()), kine.StreamName(bucket.Name)))
	}
}
