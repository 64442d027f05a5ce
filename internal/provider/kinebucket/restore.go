package kinebucket

import (
	"context"
	"errors"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/mirror"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/stream"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/validators"
	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

const (
	restoreAttr = "restore_from"
	// restoreStep is the name of an unfinished restore in pending.
	restoreStep = "restore"
	// restoringReason is why a bucket that is being restored is not writable.
	restoringReason = "the bucket is still being restored: run apply again"
)

// restoreAttribute returns the attribute with the source that the bucket is restored from.
func restoreAttribute() schema.SingleNestedAttribute {
	return schema.SingleNestedAttribute{
		MarkdownDescription: "Source to create the bucket from, as a copy with the same content and the same " +
			"revisions: a mirror of the bucket in another JetStream domain or account, or any other bucket there. " +
			"It applies only when the bucket is created, which then takes as long as copying the data. Afterwards " +
			"it can be removed; adding or changing it is an error. `history` must be that of the source. Nothing " +
			"may write to the source during the copy. The source stays unchanged, and a mirror that follows the " +
			"bucket by its name continues to follow the restored one. Start k3s with the same token as before.",
		Optional: true,
		Attributes: map[string]schema.Attribute{
			stream.BucketAttr: schema.StringAttribute{
				MarkdownDescription: "Name of the bucket or mirror to copy.",
				Required:            true,
				Validators:          []validator.String{stream.NameValidator()},
			},
			stream.JetStreamDomainAttr: schema.StringAttribute{
				MarkdownDescription: "JetStream domain of the source. A source in the account of the bucket must be " +
					"in a different domain from the bucket. For a source in another account, it defaults to the " +
					"domain of the bucket.",
				Optional: true, Computed: true,
				Validators:    []validator.String{stream.DomainValidator()},
				PlanModifiers: []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
			},
			stream.AccountAttr: schema.StringAttribute{
				MarkdownDescription: "Public key of the account of the source. Defaults to the account of the bucket.",
				Optional:            true, Computed: true,
				Validators:    []validator.String{validators.PublicKey(natsconn.AccountKey)},
				PlanModifiers: []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
			},
			stream.APIPrefixAttr: schema.StringAttribute{
				MarkdownDescription: "Subject under which the account of the bucket imports the JetStream API of " +
					"the source's account, instead of `$JS.API`. Defaults to the subject that `kine_mirror_imports` " +
					"returns.",
				Optional:   true,
				Validators: []validator.String{stream.APIPrefixValidator()},
			},
			stream.DeliverPrefixAttr: schema.StringAttribute{
				MarkdownDescription: "Subject prefix under which messages of the source's account arrive in the " +
					"account of the bucket. Defaults to the prefix that `kine_mirror_imports` returns.",
				Optional:   true,
				Validators: []validator.String{stream.DeliverPrefixValidator()},
			},
		},
	}
}

// restoring reports whether a restore of the bucket has begun and is not finished.
func (m *bucketModel) restoring() bool {
	return strings.HasPrefix(m.Pending.ValueString(), restoreStep+": ")
}

// planRestore checks the source of a new bucket, and refuses to change the source of an existing one.
func (r *bucketResource) planRestore(ctx context.Context, plan, state *bucketModel, diags *diag.Diagnostics) {
	if state != nil {
		switch {
		case plan.RestoreFrom.IsUnknown() || plan.RestoreFrom.Equal(state.RestoreFrom) || plan.restoresAs(ctx, state):
		case state.restoring():
			diags.AddAttributeError(path.Root(restoreAttr), "Bucket Is Still Being Restored", secret.Sprintf(
				"The bucket %q is not fully restored yet (%s), and an apply can continue the restore only if %s is "+
					"unchanged.\n\nApply with the previous value, or destroy the bucket, which requires "+
					"deletion_protection = false.",
				plan.Name.ValueString(), state.Pending.ValueString(), restoreAttr))
		case !plan.RestoreFrom.IsNull():
			refuseRestore(plan, diags)
		}
		return
	}
	if plan.RestoreFrom.IsNull() {
		return
	}
	source := plan.source(ctx)
	if diags.HasError() || !source.Known() || plan.Account.IsUnknown() {
		return
	}
	err := source.Check(plan.Account, plan.JetStreamDomain)
	if err == nil && !source.Asked() {
		err = errNotAsked
	}
	if err == nil && r.data != nil {
		if err = r.data.CheckAccount(source.Account); err != nil {
			err = &stream.SourceAccessError{Err: err}
		}
	}
	if err != nil {
		addError(diags, "Plan", plan, err)
	}
}

// errNotAsked means that the provider has no account to read the source with.
var errNotAsked = errors.New("only the source can confirm that the copy is complete, and the provider cannot read " +
	"it without " + restoreAttr + ".account")

func refuseRestore(m *bucketModel, diags *diag.Diagnostics) {
	diags.AddAttributeError(path.Root(restoreAttr), "Bucket Already Exists", secret.Sprintf(
		"The bucket %q already exists, and %s applies only when a bucket is created: the current content would be "+
			"lost.\n\nRemove %s, or set it to the value that the bucket was created with. To replace the current "+
			"content, destroy the bucket first, which requires deletion_protection = false.",
		m.Name.ValueString(), restoreAttr, restoreAttr))
}

// restoresAs reports whether the plan names the same source as the state, with some defaults written out.
func (m *bucketModel) restoresAs(ctx context.Context, state *bucketModel) bool {
	if m.RestoreFrom.IsNull() || state.RestoreFrom.IsNull() {
		return false
	}
	full := func(m *bucketModel) stream.Source {
		return m.source(ctx).InEffect(m.Account, m.JetStreamDomain)
	}
	return full(m) == full(state)
}

// fillRestore fills in the values that restore_from leaves out and that are in effect.
func (m *bucketModel) fillRestore(ctx context.Context) {
	if !m.RestoreFrom.IsNull() && !m.RestoreFrom.IsUnknown() {
		m.RestoreFrom = stream.SourceOf(ctx, m.RestoreFrom).InEffect(m.Account, m.JetStreamDomain).Object()
	}
}

// source returns the source of the bucket, with all prefixes.
func (m *bucketModel) source(ctx context.Context) stream.Source {
	configured := stream.SourceOf(ctx, m.RestoreFrom)
	return configured.WithPrefixes(configured, m.Account)
}

// restore creates the bucket from its source, or continues an earlier restore.
func (r *bucketResource) restore(ctx context.Context, js *natsconn.JetStream, plan *bucketModel, place *kine.Placement,
	diags *diag.Diagnostics) (
	*kine.Bucket, error,
) {
	source := plan.source(ctx)
	if diags.HasError() {
		return nil, errors.New("the source cannot be read")
	}
	if err := source.Check(plan.Account, plan.JetStreamDomain); err != nil {
		return nil, err
	}
	from, err := source.API(r.data, plan.Account, plan.JetStreamDomain)
	if err == nil && from == nil {
		return nil, errNotAsked
	}
	var found *mirror.Mirror
	if err == nil {
		found, err = mirror.Read(ctx, from, source.Bucket.ValueString())
	}
	if err != nil {
		return nil, &stream.SourceAccessError{Err: err}
	}
	if err := source.CheckHistory(found.History, plan.History); err != nil {
		return nil, err
	}
	spec := mirror.Spec{Spec: kine.Spec{Name: plan.Name.ValueString(), History: found.History,
		Replicas: int(plan.Replicas.ValueInt64())}, Source: source.MirrorSource()}
	bucket, err := mirror.Restore(ctx, js, from, spec, place)
	if err != nil {
		return nil, err
	}
	tflog.Info(ctx, "restored kine bucket",
		map[string]any{"bucket": bucket.Name, "revision": bucket.LastSequence, "source": spec.Source.String()})
	return bucket, nil
}

// unfinished reads the copy of a restore that did not finish in time, and records it as pending.
func (r *bucketResource) unfinished(
	ctx context.Context, js *natsconn.JetStream, plan *bucketModel, err error, diags *diag.Diagnostics,
) (*kine.Bucket, error) {
	late, cancel := stream.AfterDeadline(ctx)
	defer cancel()
	bucket, readErr := kine.Read(late, js, plan.Name.ValueString())
	if readErr != nil {
		return nil, errors.Join(err, readErr)
	}
	plan.Resource(kind).NotePending(diags, &plan.Pending, restoreStep, err)
	bucket.Differences = nil // the copy is not a bucket yet
	return bucket, nil
}

// leaveWritableOpen makes it unknown until the apply whether KINE can write to the bucket.
func (m *bucketModel) leaveWritableOpen() { m.SetWritable(types.BoolUnknown(), types.StringUnknown()) }

// noteRestoring makes the bucket not writable while it is being restored.
func (m *bucketModel) noteRestoring() {
	if m.restoring() {
		m.SetWritable(types.BoolValue(false), types.StringValue(restoringReason))
	}
}
