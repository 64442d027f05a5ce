package kvmirror

import (
	"errors"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/mirror"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/stream"
)

// addError adds the error of a failed action on the mirror.
func addError(diags *diag.Diagnostics, action string, m *mirrorModel, err error) {
	resource := m.Resource(kind)
	resource.Add(diags, action, err, failure(resource, err))
}

// failure returns the attribute and the next step of an error. A CLI does not show a nested attribute, so the step
// names it.
func failure(resource stream.Resource, err error) stream.Failure {
	var (
		exists   *kine.ExistsError
		promoted *mirror.PromotedError
		other    *stream.HistoryError
	)
	if f, ok := stream.SourceFailure(sourceAttr, err); ok {
		if f.At.Equal(atSource.AtName(stream.AccountAttr)) {
			f.Step += " To mirror a bucket that the provider cannot query, set source.api_prefix, " +
				"source.deliver_prefix and history, and remove source.account."
		}
		return f
	}
	switch {
	case errors.As(err, &exists) && !exists.IsMirror:
		return stream.Failure{At: path.Root(stream.NameAttr), Step: fmt.Sprintf("A bucket cannot become a mirror. "+
			"Choose another name, or delete the bucket yourself if it is no longer needed. If it is a promoted "+
			"mirror, import it as a nats_kine_bucket, with the ID '%s'.",
			resource.Identity.ImportID())}
	case errors.As(err, &exists):
		return resource.Exists()
	case errors.As(err, &other):
		step := fmt.Sprintf("Remove history, or set history = %d.", other.Has)
		return stream.Failure{At: path.Root("history"), Step: step}
	case errors.As(err, &promoted):
		return stream.Failure{Step: promotedStep(resource.Identity)}
	}
	return resource.Failure(err)
}

// promotedStep returns the next step for a mirror that was promoted to a bucket.
func promotedStep(id stream.Identity) string {
	return fmt.Sprintf("It is a nats_kine_bucket now. Remove it from the state of this resource, with state rm or "+
		"with a removed block that has destroy = false, and import it as a nats_kine_bucket, with the ID "+
		"'%s'.", id.ImportID())
}
