package kvmirror

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/mirror"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/attribute"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/connection"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/stream"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/validators"
	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

// dataTimeout bounds the look at a mirror and at its source, which is a handful of requests.
const dataTimeout = time.Minute

var _ datasource.DataSourceWithConfigure = (*mirrorData)(nil)

// mirrorData tells how a mirror is.
type mirrorData struct {
	data *connection.Data
}

// NewDataSource returns the data source nats_kv_mirror.
func NewDataSource() datasource.DataSource { return &mirrorData{} }

func (d *mirrorData) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_kv_mirror"
}

func (d *mirrorData) Configure(_ context.Context, req datasource.ConfigureRequest, resp *datasource.ConfigureResponse) {
	d.data = connection.FromProvider(req.ProviderData, &resp.Diagnostics)
}

type dataModel struct {
	Name            types.String `tfsdk:"name"`
	Account         types.String `tfsdk:"account"`
	JetStreamDomain types.String `tfsdk:"jetstream_domain"`
	SourceAccount   types.String `tfsdk:"source_account"`
	Source          *sourceModel `tfsdk:"source"`
	Stream          types.String `tfsdk:"stream"`
	Cluster         types.String `tfsdk:"cluster"`
	History         types.Int64  `tfsdk:"history"`
	Replicas        types.Int64  `tfsdk:"replicas"`
	Promoted        types.Bool   `tfsdk:"promoted"`
	Healthy         types.Bool   `tfsdk:"healthy"`
	Health          types.String `tfsdk:"health"`
	Description     types.String `tfsdk:"description"`
	Active          types.Bool   `tfsdk:"active"`
	LastContact     types.String `tfsdk:"last_contact"`
	Silence         types.Int64  `tfsdk:"silence"`
	Lag             types.Int64  `tfsdk:"lag"`
	Revision        types.Int64  `tfsdk:"revision"`
	SourceRevision  types.Int64  `tfsdk:"source_revision"`
	SourceError     types.String `tfsdk:"source_error"`
	Diverged        types.Bool   `tfsdk:"diverged"`
	Divergence      types.String `tfsdk:"divergence"`
	Keys            types.Int64  `tfsdk:"keys"`
	Messages        types.Int64  `tfsdk:"messages"`
	Bytes           types.Int64  `tfsdk:"bytes"`
}

type sourceModel struct {
	Bucket          types.String `tfsdk:"bucket"`
	JetStreamDomain types.String `tfsdk:"jetstream_domain"`
	APIPrefix       types.String `tfsdk:"api_prefix"`
	DeliverPrefix   types.String `tfsdk:"deliver_prefix"`
}

func (d *mirrorData) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	text := func(description string) schema.StringAttribute {
		return schema.StringAttribute{MarkdownDescription: description, Computed: true}
	}
	number := func(description string) schema.Int64Attribute {
		return schema.Int64Attribute{MarkdownDescription: description, Computed: true}
	}
	flag := func(description string) schema.BoolAttribute {
		return schema.BoolAttribute{MarkdownDescription: description, Computed: true}
	}
	account := func(description string, computed bool) schema.StringAttribute {
		return schema.StringAttribute{
			MarkdownDescription: description,
			Optional:            true, Computed: computed, Validators: []validator.String{validators.PublicKey(natsconn.AccountKey)},
		}
	}
	resp.Schema = schema.Schema{
		MarkdownDescription: "State of a mirror: whether it follows its source, how far it is behind, and whether both still have one history. In " +
			"a `check` block it is an alarm. A source that cannot be reached is not an error: a mirror exists for that case. With `unreachable = \"warn\"` in " +
			"the provider's configuration, a mirror whose own servers cannot be reached is not an error either: it is not healthy, and what is not known of it is null.",
		Attributes: map[string]schema.Attribute{
			stream.NameAttr: schema.StringAttribute{
				MarkdownDescription: "Name of the mirror.",
				Required:            true, Validators: []validator.String{stream.NameValidator()},
			},
			stream.AccountAttr: account("Public key of the account that the mirror is in. Defaults to that of the provider's own credentials, "+
				"and is null where these do not tell it.", true),
			stream.JetStreamDomainAttr: schema.StringAttribute{
				MarkdownDescription: "JetStream domain that the mirror is in. Defaults to that of the provider's configuration, and without one to the domain " +
					"of the server that the provider is connected to; null where the servers have none.",
				Optional: true, Computed: true, Validators: []validator.String{stream.DomainValidator()},
			},
			"source_account": account("Public key of the account that the source is in, if it is another one than the mirror's. Without it, a source "+
				"in another account is not asked.", false),
			"source": schema.SingleNestedAttribute{
				MarkdownDescription: "What the mirror follows; null once it was promoted.",
				Computed:            true,
				Attributes: map[string]schema.Attribute{
					"bucket":           text("Name of the bucket."),
					"jetstream_domain": text("JetStream domain that it is in; null for one in another account."),
					"api_prefix":       text("Subject under which the mirror's account has the JetStream API of the source's; null for another domain."),
					"deliver_prefix":   text("Subject under which the messages come; null for another domain."),
				},
			},
			"stream":   text("Name of the stream behind the mirror."),
			"cluster":  text("Name of the NATS cluster that holds it; null on a single server."),
			"history":  number("Number of revisions kept of each key."),
			"replicas": number("Number of servers that hold it."),
			"promoted": flag("Whether it is a bucket of its own by now, and follows nobody."),
			"healthy": flag("Whether it follows its source: there was contact within ten seconds, the server reports no error, and no difference was found " +
				"between the two. How far it may be behind is yours to say: see `lag`."),
			"health": text("The state in a word or two: `healthy`, `catching up`, `no contact yet`, `contact lost`, `source missing`, `stalled`, `failing`, " +
				"`diverged` or `promoted`; or `unreachable`, which is no error with `unreachable = \"warn\"` in the provider's configuration."),
			"description": text("The state in a sentence, with the likely cause if something is wrong."),
			"active":      flag("Whether the source gave a sign of life within the last ten seconds. It gives one each second."),
			"last_contact": text("Time of the last sign of life of the source, to the second; null if there was none since the server that leads the mirror " +
				"was started."),
			"silence": number("Seconds since the last contact; null if there was none."),
			"lag": number("Number of messages that the mirror still lacks: as far as it knows, or as the source says if that could be asked and says more. " +
				"Without contact the mirror does not know of newer messages, and it is 0 or too small."),
			"revision":        number("Last revision in the mirror."),
			"source_revision": number("Last revision in the source; null if it could not be asked."),
			"source_error":    text("Why the source could not be asked; null if it was, or if nobody said in which account it is."),
			"diverged": flag("Whether mirror and source have different histories, because the source was made anew or restored from an older copy. The " +
				"mirror then holds what is left of the old one, and must be made anew to follow the new one. Null if the source could not be asked."),
			"divergence": text("How the two differ; null if they do not."),
			"keys":       number("Number of keys in the mirror, with those that are deleted."),
			"messages":   number("Number of messages in the mirror."),
			"bytes":      number("Number of bytes of the mirror's messages, on one server."),
		},
	}
}

func (d *mirrorData) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var model dataModel
	resp.Diagnostics.Append(attribute.Get(ctx, req.Config, &model)...)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := natsconn.Reading(ctx, dataTimeout)
	defer cancel()
	err := model.read(ctx, d.data)
	if d.data.PassOver("the mirror", strconv.Quote(model.Name.ValueString()), err, &resp.Diagnostics) {
		model.setUnreachable(err)
		err = nil
	}
	if err != nil {
		detail := secret.Sprintf("Mirror %q: %s", model.Name.ValueString(), connection.Explain(connection.Tolerable(err)))
		if errors.Is(err, kine.ErrNotFound) {
			detail += "\n\nCheck the name, the account and the JetStream domain."
		}
		resp.Diagnostics.AddAttributeError(path.Root(stream.NameAttr), "Unable to Read KV Mirror", detail)
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, &model)...)
}

// healthUnreachable is the health of a mirror whose own servers cannot be reached.
const healthUnreachable = "unreachable"

// setUnreachable says that nothing is known of the mirror, which no alarm may take for healthy.
func (m *dataModel) setUnreachable(err error) {
	m.Healthy, m.Health = types.BoolValue(false), types.StringValue(healthUnreachable)
	m.Description = types.StringValue(connection.Sentence(err.Error()))
}

// read looks at the mirror, and at its source if that can be asked.
func (m *dataModel) read(ctx context.Context, data *connection.Data) error {
	domain := m.JetStreamDomain.ValueString()
	if domain == "" {
		var err error
		if domain, err = data.Domain(); err != nil {
			return err
		}
	}
	js, err := data.JetStream(m.Account.ValueString(), domain)
	if err != nil {
		return err
	}
	found, err := mirror.Read(ctx, js, m.Name.ValueString())
	if err != nil {
		return err
	}
	stream.FillDomain(&m.JetStreamDomain, found.Domain)
	stream.FillAccount(&m.Account, data)
	m.set(found, time.Now())
	if found.Promoted {
		return nil
	}
	source, err := m.sourceOf(data, found)
	if err == nil && source != nil {
		err = m.compare(ctx, js, source, found)
	}
	if err != nil {
		m.SourceError = types.StringValue(connection.Sentence(err.Error()))
	}
	return nil
}

// sourceOf returns the JetStream API of the source, nil if nobody has said where it is.
func (m *dataModel) sourceOf(data *connection.Data, found *mirror.Mirror) (*natsconn.JetStream, error) {
	switch {
	case !m.SourceAccount.IsNull():
		return data.JetStream(m.SourceAccount.ValueString(), found.Source.Domain)
	case found.Source.Domain != "":
		return data.JetStream(m.Account.ValueString(), found.Source.Domain)
	}
	return nil, nil
}

// set takes over what the server says of the mirror.
func (m *dataModel) set(found *mirror.Mirror, now time.Time) {
	count := func(n uint64) types.Int64 { return types.Int64Value(int64(n)) } //nolint:gosec // less than 2^63 messages and bytes
	m.Stream, m.Cluster = types.StringValue(kine.StreamName(found.Name)), attribute.Text(found.Cluster)
	m.History, m.Replicas = types.Int64Value(found.History), types.Int64Value(int64(found.Replicas))
	m.Promoted, m.Healthy = types.BoolValue(found.Promoted), types.BoolValue(found.Follows())
	m.Health, m.Description = types.StringValue(string(found.Health())), types.StringValue(connection.Sentence(found.Describe()))
	m.Active = types.BoolValue(found.Active != mirror.Never && found.Active <= mirror.ContactLimit)
	if found.Active != mirror.Never {
		m.LastContact = types.StringValue(now.Add(-found.Active).UTC().Format(time.RFC3339))
		m.Silence = types.Int64Value(int64(found.Active.Seconds()))
	}
	m.Lag, m.Revision = count(found.Lag), count(found.LastSequence)
	m.Keys, m.Messages, m.Bytes = count(found.Keys), count(found.Messages), count(found.Bytes)
	if !found.Promoted {
		m.Source = &sourceModel{
			Bucket: types.StringValue(found.Source.Bucket), JetStreamDomain: attribute.Text(found.Source.Domain),
			APIPrefix: attribute.Text(found.Source.APIPrefix), DeliverPrefix: attribute.Text(found.Source.DeliverPrefix),
		}
	}
}

// compare takes over what the source says.
func (m *dataModel) compare(ctx context.Context, js, source *natsconn.JetStream, found *mirror.Mirror) error {
	from, divergence, err := mirror.Compare(ctx, js, source, found)
	if from != nil {
		last := int64(from.LastSequence) //nolint:gosec // less than 2^63 messages
		m.SourceRevision = types.Int64Value(last)
		m.Lag = types.Int64Value(max(m.Lag.ValueInt64(), last-m.Revision.ValueInt64()))
	}
	if err != nil {
		return err
	}
	m.Diverged = types.BoolValue(divergence != nil)
	if divergence != nil {
		m.Divergence = types.StringValue(connection.Sentence(divergence.String()))
		m.Healthy, m.Health, m.Description = types.BoolValue(false), types.StringValue("diverged"), m.Divergence
	}
	return nil
}
