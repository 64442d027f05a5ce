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

// addError tells a failure of an action on the mirror.
func addError(diags *diag.Diagnostics, action string, m *mirrorModel, err error) {
	resource := m.Resource(kind)
	resource.Add(diags, action, err, failure(resource, err))
}

// failure finds out what a failure is about. A CLI does not show a nested attribute, so the step names it.
func failure(resource stream.Resource, err error) stream.Failure {
	var (
		exists   *kine.ExistsError
		promoted *mirror.PromotedError
		other    *stream.HistoryError
	)
	if f, ok := stream.SourceFailure(sourceAttr, err); ok {
		if f.At.Equal(atSource.AtName(stream.AccountAttr)) {
			f.Step += " To mirror a bucket that the provider cannot ask, set source.api_prefix, source.deliver_prefix and history, and leave source.account out."
		}
		return f
	}
	switch {
	case errors.As(err, &exists) && !exists.IsMirror:
		return stream.Failure{At: path.Root(stream.NameAttr), Step: fmt.Sprintf("A bucket is not made a mirror. Choose another name, or delete "+
			"it yourself if nobody needs it. If it is a mirror that was promoted, it is a nats_kine_bucket now, and imported as one, by the id '%s'.",
			resource.Identity.ImportID())}
	case errors.As(err, &exists):
		return resource.Exists()
	case errors.As(err, &other):
		return stream.Failure{At: path.Root("history"), Step: fmt.Sprintf("Leave history out, or set history = %d.", other.Has)}
	case errors.As(err, &promoted):
		return stream.Failure{Step: promotedStep(resource.Identity)}
	}
	return resource.Failure(err)
}

// promotedStep is what to do about a mirror that is a bucket by now.
func promotedStep(id stream.Identity) string {
	return fmt.Sprintf("It is a nats_kine_bucket now. Take it out of the state of this resource, with a removed block that does not destroy or "+
		"with state rm, and import it as a nats_kine_bucket, by the id '%s'.", id.ImportID())
}
