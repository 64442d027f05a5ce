package kvmirror

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/booldefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/int64default"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/mirror"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/attribute"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/stream"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/validators"
	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

const (
	promotedAttr  = "promoted"
	promotionAttr = "promotion"
	bumpAttr      = "revision_bump"
	modeAttr      = "mode"
	maxLagAttr    = "max_lag"
	silenceAttr   = "max_silence"

	modePlanned   = "planned"
	modeUnplanned = "unplanned"
)

var (
	atPromoted = path.Root(promotedAttr)
	atMode     = path.Root(promotionAttr).AtName(modeAttr)
)

// promotion is how the mirror is promoted.
type promotion struct {
	Mode       types.String `tfsdk:"mode"`
	MaxLag     types.Int64  `tfsdk:"max_lag"`
	MaxSilence types.String `tfsdk:"max_silence"`
}

func promotedAttribute() schema.BoolAttribute {
	return schema.BoolAttribute{
		MarkdownDescription: "Whether the mirror is a bucket in place of its source. Setting it to `true` promotes the " +
			"mirror, as `promotion` describes; it cannot be set when the mirror is created. A promoted mirror has the same " +
			"revisions as its source and is never changed back or replaced. Defaults to `false`.",
		Optional: true, Computed: true,
		Default: booldefault.StaticBool(false),
	}
}

func promotionAttribute() schema.SingleNestedAttribute {
	return schema.SingleNestedAttribute{
		MarkdownDescription: "How the mirror is promoted.",
		Optional:            true,
		Attributes: map[string]schema.Attribute{
			modeAttr: schema.StringAttribute{
				MarkdownDescription: "`planned` fences the source, waits until the mirror has its last revision, and promotes " +
					"the mirror then: no revision is lost. If that cannot be finished, the source stays fenced and the next apply " +
					"continues; it never becomes an unplanned promotion. `unplanned` promotes the mirror with what it has, because " +
					"the source is lost, and is refused while the source answers. Writes that the mirror has not received are lost. " +
					"Defaults to `planned`.",
				Optional: true, Computed: true,
				Default:    stringdefault.StaticString(modePlanned),
				Validators: []validator.String{stringvalidator.OneOf(modePlanned, modeUnplanned)},
			},
			maxLagAttr: schema.Int64Attribute{
				MarkdownDescription: "Maximum number of messages that the mirror may be behind its source. A mirror that is " +
					"further behind is not promoted, and its source is not fenced. Unlimited by default.",
				Optional:   true,
				Validators: []validator.Int64{int64validator.AtLeast(1)},
			},
			silenceAttr: schema.StringAttribute{
				MarkdownDescription: "Maximum time since the last contact to the lost source, such as `10m`. A mirror that lost " +
					"contact earlier is not promoted. Only valid with the mode `unplanned`. Unlimited by default.",
				Optional:   true,
				Validators: []validator.String{validators.PositiveDuration()},
			},
		},
	}
}

func bumpAttribute() schema.Int64Attribute {
	return schema.Int64Attribute{
		MarkdownDescription: fmt.Sprintf("How many revisions the bucket continues above the last one of the mirror after "+
			"an unplanned promotion. The lost source may have been ahead, and clients of the cluster may have seen its "+
			"revisions. All earlier revisions are marked as compacted, so that clients list again. `0` turns this off. "+
			"Raising a million revisions takes about 20 seconds on one replica and 50 on three. Defaults to `%d`.",
			kine.DefaultRevisionBump),
		Optional: true, Computed: true,
		Default:    int64default.StaticInt64(kine.DefaultRevisionBump),
		Validators: []validator.Int64{int64validator.Between(0, 1_000_000_000)},
	}
}

// promotionOf decodes the attribute; what is left out is null.
func (m *mirrorModel) promotionOf(ctx context.Context) promotion {
	var p promotion
	if !m.Promotion.IsNull() && !m.Promotion.IsUnknown() {
		attribute.Decode(ctx, m.Promotion, &p)
	}
	return p
}

// validatePromotion checks what can be seen in the configuration alone.
func (m *mirrorModel) validatePromotion(ctx context.Context, diags *diag.Diagnostics) {
	p := m.promotionOf(ctx)
	if !p.MaxSilence.IsNull() && !p.Mode.IsUnknown() && p.Mode.ValueString() != modeUnplanned {
		diags.AddAttributeError(path.Root(promotionAttr).AtName(silenceAttr), "Invalid Attribute Combination",
			"promotion.max_silence limits an unplanned promotion: a planned one requires contact to the source.\n\n"+
				"Set promotion.mode = \"unplanned\", or remove promotion.max_silence.")
	}
	if m.Source.IsNull() && !m.Promoted.IsUnknown() && !m.Promoted.ValueBool() {
		diags.AddAttributeError(atSource, "Missing Attribute",
			"A mirror needs a source. Only a promoted mirror can be without one.\n\nSet source to the bucket that is mirrored.")
	}
}

// promotes reports whether the plan promotes the mirror.
func (m *mirrorModel) promotes(state *mirrorModel) bool {
	return m.Promoted.ValueBool() && !state.Promoted.ValueBool()
}

// planPromotion checks a promotion and says what it means. state is nil if the mirror is to be created.
func (m *mirrorModel) planPromotion(ctx context.Context, state *mirrorModel, diags *diag.Diagnostics) {
	switch {
	case m.Promoted.IsUnknown():
	case state == nil && m.Promoted.ValueBool():
		diags.AddAttributeError(atPromoted, "Mirror Cannot Be Created Promoted",
			secret.Sprintf("The mirror %q does not exist in the state, so there is "+
				"nothing to promote: a new mirror is only promoted once it has its source's data.\n\n"+
				"If the stream %s is a bucket that was promoted earlier, import it as a nats_kine_bucket, with the ID '%s'. To "+
				"create a bucket from a copy, use restore_from of nats_kine_bucket. For a new mirror, remove promoted.",
				m.Name.ValueString(), kine.StreamName(m.Name.ValueString()), m.Identity().ImportID()))
	case state == nil:
	case state.Promoted.ValueBool() && !m.Promoted.ValueBool():
		diags.AddAttributeError(atPromoted, "Promoted Mirror Cannot Become a Mirror Again",
			secret.Sprintf("The mirror %q was promoted and is the bucket of "+
				"the cluster. A server never turns a bucket into a mirror, and a replacement would lose the cluster.\n\n"+
				"Keep promoted = true. To move the cluster back to its former place, create a mirror of this bucket there, and "+
				"promote that one.", m.Name.ValueString()))
	case m.promotes(state):
		m.planPromoting(ctx, state, diags)
	}
}

// planPromoting plans the promotion of a mirror.
func (m *mirrorModel) planPromoting(ctx context.Context, state *mirrorModel, diags *diag.Diagnostics) {
	source := stream.SourceOf(ctx, state.Source)
	p := m.promotionOf(ctx)
	m.Pending, m.Cluster = types.StringNull(), state.Cluster
	m.SourceFenced, m.Diverged = types.BoolUnknown(), types.BoolNull()
	if p.Mode.ValueString() == modeUnplanned {
		diags.AddAttributeWarning(atPromoted, "Mirror Will Be Promoted Without Its Source",
			secret.Sprintf("The mirror %q becomes the bucket of the cluster "+
				"with what it has. Writes to the %s that the mirror has not received are lost. The apply is refused while the "+
				"source answers.\n\nStop every k3s on the source first, if there is any that still runs.", m.Name.ValueString(),
				source.MirrorSource()))
		return
	}
	if !source.Asked() {
		diags.AddAttributeError(atMode, "Source Cannot Be Fenced",
			secret.Sprintf("A planned promotion fences the source, and the provider has no access to it: "+
				"source.account is not set.\n\nSet source.account to the public key of the account of the %s.",
				source.MirrorSource()))
		return
	}
	diags.AddAttributeWarning(atPromoted, "Mirror Will Be Promoted",
		secret.Sprintf("The mirror %q becomes the bucket of the cluster. The %s is fenced first: "+
			"KINE's writes there fail from then on, and KINE does not start there again. No revision is lost.\n\n"+
			"Point every k3s to the endpoint of the promoted mirror afterwards.", m.Name.ValueString(), source.MirrorSource()))
}

// planReturned plans the fence of a source that answers again after its mirror was promoted without it.
func (m *mirrorModel) planReturned(state *mirrorModel, answers bool, diags *diag.Diagnostics) {
	m.SourceFenced, m.Diverged = state.SourceFenced, state.Diverged
	if !answers || m.Source.IsNull() || state.SourceFenced.IsNull() || state.SourceFenced.ValueBool() {
		return
	}
	m.SourceFenced = types.BoolValue(true)
	diags.AddAttributeWarning(path.Root("source_fenced"), "Source Will Be Fenced",
		secret.Sprintf("The source of the promoted mirror %q answers and is writable: there are "+
			"two writable copies of one cluster. The apply fences the source, so that KINE can no longer write there. Its "+
			"content stays.", m.Name.ValueString()))
}

// promotion returns how the mirror is promoted, as recorded with the servers.
func (m *mirrorModel) promotion(ctx context.Context) mirror.Promotion {
	p := m.promotionOf(ctx)
	silence, _ := time.ParseDuration(p.MaxSilence.ValueString()) // validated; 0 if it is null
	return mirror.Promotion{
		By: stream.FencedBy, Successor: m.successor(), MaxSilence: silence,
		MaxLag: uint64(p.MaxLag.ValueInt64()),       //nolint:gosec // validated to be positive
		Bump:   uint64(m.RevisionBump.ValueInt64()), //nolint:gosec // validated to be at least 0
	}
}

// successor describes the promoted mirror in the record of its source's fence.
func (m *mirrorModel) successor() string {
	text := "the bucket " + m.Name.ValueString()
	var where []string
	if domain := m.JetStreamDomain.ValueString(); domain != "" {
		where = append(where, "JetStream domain "+domain)
	}
	if account := m.Account.ValueString(); account != "" {
		where = append(where, "account "+account)
	}
	if len(where) > 0 {
		text += " (" + strings.Join(where, ", ") + ")"
	}
	return text
}

// promote promotes the mirror.
func (r *mirrorResource) promote(
	ctx context.Context, plan, state *mirrorModel, diags *diag.Diagnostics,
) (*mirror.Mirror, error) {
	source := stream.SourceOf(ctx, state.Source)
	js, err := plan.JetStream(r.data)
	if err != nil {
		return nil, err
	}
	p, spec := plan.promotion(ctx), plan.spec(source.MirrorSource())
	from, err := source.API(r.data, plan.Account, plan.JetStreamDomain)
	if err != nil {
		return nil, &stream.SourceAccessError{Err: err}
	}
	unplanned := plan.promotionOf(ctx).Mode.ValueString() == modeUnplanned
	var done *mirror.Outcome
	if unplanned {
		done, err = mirror.FailOver(ctx, js, from, spec, p)
	} else {
		done, err = mirror.SwitchOver(ctx, js, from, spec, p)
	}
	if err != nil {
		return nil, err
	}
	tflog.Info(ctx, "promoted mirror", map[string]any{
		"bucket": done.Bucket.Name, "revision": done.Revision, "already": done.Already, "outage": done.Outage.String(),
	})
	plan.SourceFenced = types.BoolNull() // a refresh finds out
	if !done.Already {
		plan.SourceFenced = types.BoolValue(!unplanned)
		plan.tellOutcome(done, unplanned, diags)
	}
	return mirror.Read(ctx, js, spec.Name)
}

// tellOutcome says what a promotion has done.
func (m *mirrorModel) tellOutcome(done *mirror.Outcome, unplanned bool, diags *diag.Diagnostics) {
	name := m.Name.ValueString()
	switch {
	case unplanned:
		contact := "It is unknown when the mirror last had contact to its source"
		if done.Silence != mirror.Never {
			contact = fmt.Sprintf("The mirror last had contact to its source %s ago", done.Silence.Round(time.Second))
		}
		next := fmt.Sprintf("The bucket continues at revision %d, and clients list again.", done.Bucket.LastSequence+1)
		diags.AddAttributeWarning(atPromoted, "Mirror Was Promoted Without Its Source",
			secret.Sprintf("The bucket %q has all revisions up to %d. %s; what was written "+
				"to it later is lost. The mirror knew of %d messages that it did not have. %s\n\n"+
				"When the source is back, the next plan fences it.",
				name, done.Revision, contact, done.Lag, next))
	default:
		diags.AddAttributeWarning(atPromoted, "Mirror Was Promoted",
			secret.Sprintf("The bucket %q has all revisions of its source, the last one is %d. Writes stood still for "+
				"%s, and until k3s uses the bucket. The source is fenced.", name, done.Revision,
				done.Outage.Round(time.Millisecond)))
	}
}

// updatePromoted brings a promoted mirror to what is planned, as a bucket, and fences a source that is back.
func (r *mirrorResource) updatePromoted(
	ctx context.Context, plan, state *mirrorModel, left bool, diags *diag.Diagnostics,
) (*mirror.Mirror, error) {
	js, err := plan.JetStream(r.data)
	if err != nil {
		return nil, err
	}
	if fence := plan.SourceFenced.ValueBool() && !state.SourceFenced.IsNull() && !state.SourceFenced.ValueBool(); fence {
		source := stream.SourceOf(ctx, plan.Source)
		from, err := source.API(r.data, plan.Account, plan.JetStreamDomain)
		if err == nil && from != nil {
			_, err = mirror.FenceReturned(ctx, from, source.Bucket.ValueString(), plan.promotion(ctx))
		}
		if err != nil {
			return nil, &stream.SourceAccessError{Err: err}
		}
	}
	name := plan.Name.ValueString()
	if left {
		return mirror.Read(ctx, js, name)
	}
	place := stream.PlacementOf(ctx, plan.Placement, diags)
	move := stream.Moves(ctx, plan.Placement, state.Placement, state.Cluster, diags)
	_, err = kine.Update(ctx, js, plan.Spec(), place, move || !state.Pending.IsNull())
	if _, unfinished := errors.AsType[*kine.UnsettledError](err); unfinished {
		plan.Resource(kind).NotePending(diags, &plan.Pending, plan.UpdateStep(move), err)
		late, cancel := stream.AfterDeadline(ctx)
		defer cancel()
		return mirror.Read(late, js, name)
	}
	if err != nil {
		return nil, err
	}
	return mirror.Read(ctx, js, name)
}

// readReturned checks whether the source of a promoted mirror is fenced, if it answers.
func (m *mirrorModel) readReturned(
	ctx context.Context, from *natsconn.JetStream, got *mirror.Mirror, diags *diag.Diagnostics,
) (answers bool) {
	ctx, cancel := context.WithTimeout(ctx, sourceTimeout)
	defer cancel()
	source := stream.SourceOf(ctx, m.Source)
	original, err := mirror.Read(ctx, from, source.Bucket.ValueString())
	switch {
	case errors.Is(err, kine.ErrNotFound):
		m.SourceFenced = types.BoolNull()
		return false
	case err != nil:
		return false // a lost source is why there is a promoted mirror
	}
	m.SourceFenced = types.BoolValue(original.Fence != nil || !original.Promoted) // nothing can write to a mirror
	if !m.SourceFenced.ValueBool() {
		diags.AddAttributeWarning(path.Root("source_fenced"), "Two Writable Copies of One Cluster",
			secret.Sprintf("The mirror %q was promoted, and its source, the %s, "+
				"answers and is writable. The bucket holds %s; the source holds %s.\n\n"+
				"Stop every k3s on the source. The next apply fences it.",
				got.Name, source.MirrorSource(), got.Contents(), original.Contents()))
	}
	return true
}

// promotionFailure is the attribute and the step of a failed promotion.
func promotionFailure(err error) (stream.Failure, bool) {
	var (
		following *mirror.NotFollowingError
		lag       *mirror.LagError
		silent    *mirror.SilenceError
		alive     *mirror.SourceAliveError
		diverged  *mirror.DivergedError
		version   *mirror.VersionError
		source    *mirror.SourceError
		unsettled *kine.UnsettledError
	)
	lagging := path.Root(promotionAttr).AtName(maxLagAttr)
	switch {
	case errors.As(err, &unsettled):
		return stream.Failure{At: atPromoted, Step: "Nothing is lost. Run apply again with the same configuration, and it " +
			"continues. To give up the promotion while the source is fenced, set promoted = false here, and fenced = false " +
			"and force_unfence = true on the source's nats_kine_bucket."}, true
	case errors.As(err, &following):
		return stream.Failure{At: atMode,
			Step: "Nothing was changed. Restore the connection to the source and run apply again. If the source is lost, set " +
				"promotion.mode = \"unplanned\"."}, true
	case errors.As(err, &lag):
		return stream.Failure{At: lagging,
			Step: "Nothing was changed. Run apply again when the mirror has caught up, or raise promotion.max_lag."}, true
	case errors.As(err, &silent):
		return stream.Failure{At: path.Root(promotionAttr).AtName(silenceAttr),
			Step: "Nothing was changed. If the mirror is still the best copy, raise promotion.max_silence or " +
				"remove it."}, true
	case errors.As(err, &alive):
		return stream.Failure{At: atMode, Step: "Nothing was changed. Set promotion.mode = \"planned\", which loses " +
			"nothing. If the source must be given up although it answers, stop its servers first."}, true
	case errors.As(err, &diverged):
		return stream.Failure{At: atPromoted, Step: "Nothing was changed. Decide which of the two is the cluster's. If it " +
			"is the source, replace the mirror. If it is the mirror, take the source out of service and set promotion.mode = " +
			"\"unplanned\"."}, true
	case errors.As(err, &version):
		return stream.Failure{At: atPromoted, Step: "Update the servers."}, true
	case errors.As(err, &source):
		return stream.Failure{At: atSource,
			Step: "Nothing was changed. Repair the source with its nats_kine_bucket first."}, true
	}
	return stream.Failure{}, false
}

// addPromotionError reports a failed promotion.
func addPromotionError(diags *diag.Diagnostics, m *mirrorModel, err error) {
	failure, ok := promotionFailure(err)
	if !ok {
		addError(diags, "Promote", m, err)
		return
	}
	m.Resource(kind).Add(diags, "Promote", err, failure)
}
