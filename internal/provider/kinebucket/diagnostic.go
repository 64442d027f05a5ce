package kinebucket

import (
	"errors"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/stream"
)

// addError adds the error of a failed action on the bucket.
func addError(diags *diag.Diagnostics, action string, m *bucketModel, err error) {
	bucket := m.Resource(kind)
	bucket.Add(diags, action, err, failure(bucket, err))
}

// inTheWayStep returns the next step if a stream already has the name of the bucket to restore.
func inTheWayStep(e *kine.ExistsError) string {
	if !e.IsMirror {
		return "Nothing was changed. Restore under another name, or delete the existing stream if it is no longer " +
			"needed."
	}
	return "Nothing was changed: the mirror was not created by a restore, and may be the copy of a bucket that is " +
		"in use. Restore under another name, or delete the mirror if it is no longer needed."
}

// failure returns the attribute and the next step of an error.
func failure(bucket stream.Resource, err error) stream.Failure {
	var (
		exists    *kine.ExistsError
		attached  *kine.AttachedError
		successor *kine.SuccessorError
		other     *stream.HistoryError
	)
	if f, ok := stream.SourceFailure(restoreAttr, err); ok {
		return f
	}
	switch {
	case errors.As(err, &other):
		return stream.Failure{At: path.Root("history"),
			Step: fmt.Sprintf("Set history = %d. It can be changed once the bucket is restored.", other.Has)}
	case errors.Is(err, errNotAsked):
		return stream.Failure{At: path.Root(restoreAttr),
			Step: "Set restore_from.account to the public key of the source's account."}
	case errors.As(err, &exists) && exists.ForMirror: // the mirror that the restore uses
		return stream.Failure{At: path.Root(stream.NameAttr), Step: inTheWayStep(exists)}
	case errors.As(err, &exists):
		return bucket.Exists()
	case errors.As(err, &attached):
		return stream.Failure{Step: "Stop every k3s (or KINE) that uses the bucket, then destroy the bucket. To " +
			"delete the bucket while it is in use, set force_destroy = true and apply that first."}
	case errors.As(err, &successor):
		return stream.Failure{At: path.Root("fenced"), Step: "To lift the fence anyway, set force_unfence = true."}
	case natsconn.IsAPIError(err, natsconn.CodeSubjectsOverlap):
		return stream.Failure{At: path.Root(stream.NameAttr),
			Step: fmt.Sprintf("Another stream already listens on subjects of %s, which "+
				"belong to the bucket. Find it with the NATS CLI (nats stream ls, nats stream subjects), and change its subjects "+
				"or choose another name.", kine.Subjects(bucket.Identity.Name.ValueString()))}
	}
	return bucket.Failure(err)
}
