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
	// restoreStep is what pending names a restoration that is not finished.
	restoreStep = "restore"
	// restoringReason is why a bucket that is being restored is not writable.
	restoringReason = "the bucket is still being restored: run apply again"
)

// restoreAttribute is what the bucket is made from.
func restoreAttribute() schema.SingleNestedAttribute {
	return schema.SingleNestedAttribute{
		MarkdownDescription: "Make the bucket as a copy of another one, with the same content and the same revisions: of a mirror of it in another JetStream domain or " +
			"account, or of any other bucket there. It counts when the bucket is made, which then takes as long as copying it, and at no other time: once the bucket is " +
			"there it can be left out, and adding or changing it is an error. `history` has to be that of the source. Nothing may write to the source meanwhile; it stays " +
			"as it is, and a mirror that follows the bucket by that name goes on following the restored one. k3s has to be started with the same token as before.",
		Optional: true,
		Attributes: map[string]schema.Attribute{
			stream.BucketAttr: schema.StringAttribute{
				MarkdownDescription: "Name of the bucket or mirror that is copied.",
				Required:            true,
				Validators:          []validator.String{stream.NameValidator()},
			},
			stream.JetStreamDomainAttr: schema.StringAttribute{
				MarkdownDescription: "JetStream domain that it is in: for one in the account of the bucket, another one than the bucket's. For one in another account, " +
					"it defaults to the bucket's.",
				Optional: true, Computed: true,
				Validators:    []validator.String{stream.DomainValidator()},
				PlanModifiers: []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
			},
			stream.AccountAttr: schema.StringAttribute{
				MarkdownDescription: "Public key of the account that it is in. Defaults to the bucket's.",
				Optional:            true, Computed: true,
				Validators:    []validator.String{validators.PublicKey(natsconn.AccountKey)},
				PlanModifiers: []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
			},
			stream.APIPrefixAttr: schema.StringAttribute{
				MarkdownDescription: "Subject at which the bucket's account has imported the JetStream API of that account, in place of `$JS.API`. Defaults to what " +
					"`kine_mirror_imports` gives.",
				Optional:   true,
				Validators: []validator.String{stream.APIPrefixValidator()},
			},
			stream.DeliverPrefixAttr: schema.StringAttribute{
				MarkdownDescription: "Subject below which the messages of that account come into the bucket's account. Defaults to what `kine_mirror_imports` gives.",
				Optional:            true,
				Validators:          []validator.String{stream.DeliverPrefixValidator()},
			},
		},
	}
}

// restoring tells whether the bucket is being restored, and not finished.
func (m *bucketModel) restoring() bool {
	return strings.HasPrefix(m.Pending.ValueString(), restoreStep+": ")
}

// planRestore checks what the bucket is made from, and refuses to change that of one that is there.
func (r *bucketResource) planRestore(ctx context.Context, plan, state *bucketModel, diags *diag.Diagnostics) {
	if state != nil {
		switch {
		case plan.RestoreFrom.IsUnknown() || plan.RestoreFrom.Equal(state.RestoreFrom) || plan.restoresAs(ctx, state):
		case state.restoring():
			diags.AddAttributeError(path.Root(restoreAttr), "Bucket Is Still Being Restored", secret.Sprintf("The bucket %q is not restored yet (%s), and only as long as "+
				"%s stays as it was can an apply go on with it.\n\nApply with it as it was, or destroy the bucket, which takes deletion_protection = false.",
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

// errNotAsked says that nobody may look at the source.
var errNotAsked = errors.New("whether the copy is complete can only be told by asking the source, and no " + restoreAttr + ".account says whom to work as there")

func refuseRestore(m *bucketModel, diags *diag.Diagnostics) {
	diags.AddAttributeError(path.Root(restoreAttr), "Bucket Exists Already", secret.Sprintf("The bucket %q is there, and %s only counts when a bucket is made: what is in "+
		"the bucket now would be lost.\n\nLeave %s out, or as it was when the bucket was made. To restore over what is there, destroy the bucket first, which takes "+
		"deletion_protection = false.", m.Name.ValueString(), restoreAttr, restoreAttr))
}

// restoresAs reports whether the bucket is made from what the state says, with some of it written out that was left out.
func (m *bucketModel) restoresAs(ctx context.Context, state *bucketModel) bool {
	if m.RestoreFrom.IsNull() || state.RestoreFrom.IsNull() {
		return false
	}
	full := func(m *bucketModel) stream.Source {
		return m.source(ctx).InEffect(m.Account, m.JetStreamDomain)
	}
	return full(m) == full(state)
}

// tellRestore fills in what is left out of restore_from and is in effect.
func (m *bucketModel) tellRestore(ctx context.Context) {
	if !m.RestoreFrom.IsNull() && !m.RestoreFrom.IsUnknown() {
		m.RestoreFrom = stream.SourceOf(ctx, m.RestoreFrom).InEffect(m.Account, m.JetStreamDomain).Object()
	}
}

// source returns what the bucket is made from, with all prefixes.
func (m *bucketModel) source(ctx context.Context) stream.Source {
	configured := stream.SourceOf(ctx, m.RestoreFrom)
	return configured.WithPrefixes(configured, m.Account)
}

// restore makes the bucket from its source, or goes on with that.
func (r *bucketResource) restore(ctx context.Context, js *natsconn.JetStream, plan *bucketModel, place *kine.Placement, diags *diag.Diagnostics) (
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
	spec := mirror.Spec{Spec: kine.Spec{Name: plan.Name.ValueString(), History: found.History, Replicas: int(plan.Replicas.ValueInt64())}, Source: source.MirrorSource()}
	bucket, err := mirror.Restore(ctx, js, from, spec, place)
	if err != nil {
		return nil, err
	}
	tflog.Info(ctx, "restored kine bucket", map[string]any{"bucket": bucket.Name, "revision": bucket.LastSequence, "source": spec.Source.String()})
	return bucket, nil
}

// unfinished reads the copy that a restoration has left when its time was over, and notes that.
func (r *bucketResource) unfinished(ctx context.Context, js *natsconn.JetStream, plan *bucketModel, err error, diags *diag.Diagnostics) (*kine.Bucket, error) {
	late, cancel := stream.AfterDeadline(ctx)
	defer cancel()
	bucket, readErr := kine.Read(late, js, plan.Name.ValueString())
	if readErr != nil {
		return nil, errors.Join(err, readErr)
	}
	plan.Resource(kind).NotePending(diags, &plan.Pending, restoreStep, err)
	bucket.Differences = nil // those of a copy that is yet to become a bucket
	return bucket, nil
}

// leaveWritableOpen leaves it to the apply whether KINE can write to the bucket.
func (m *bucketModel) leaveWritableOpen() { m.SetWritable(types.BoolUnknown(), types.StringUnknown()) }

// noteRestoring says that KINE cannot write to the bucket yet, as long as it is being restored.
func (m *bucketModel) noteRestoring() {
	if m.restoring() {
		m.SetWritable(types.BoolValue(false), types.StringValue(restoringReason))
	}
}
