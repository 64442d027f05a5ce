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

// dataTimeout limits the time to read a mirror and its source, which takes a handful of requests.
const dataTimeout = time.Minute

var _ datasource.DataSourceWithConfigure = (*mirrorData)(nil)

// mirrorData reads the state of a mirror.
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
			Optional:            true, Computed: computed,
			Validators: []validator.String{validators.PublicKey(natsconn.AccountKey)},
		}
	}
	resp.Schema = schema.Schema{
		MarkdownDescription: "State of a mirror: whether it follows its source, how far it is behind, and whether " +
			"both still have the same history. Use it in a `check` block as an alarm. An unreachable source is not " +
			"an error, because a mirror exists for that case. With `unreachable = \"warn\"` in the provider's " +
			"configuration, a mirror whose own servers are unreachable is not an error either: it is not healthy, " +
			"and its unknown attributes are null.",
		Attributes: map[string]schema.Attribute{
			stream.NameAttr: schema.StringAttribute{
				MarkdownDescription: "Name of the mirror.",
				Required:            true, Validators: []validator.String{stream.NameValidator()},
			},
			stream.AccountAttr: account("Public key of the account that the mirror is in; null if the provider's own "+
				"credentials do not name it. Defaults to the account of the provider's own credentials.", true),
			stream.JetStreamDomainAttr: schema.StringAttribute{
				MarkdownDescription: "JetStream domain that the mirror is in; null if the servers have none. " +
					"Defaults to the domain of the provider's configuration, or else to the domain of the server " +
					"that the provider is connected to.",
				Optional: true, Computed: true, Validators: []validator.String{stream.DomainValidator()},
			},
			"source_account": account("Public key of the account that the source is in, if the mirror is in a "+
				"different account. If omitted, the provider does not query a source in another account.", false),
			"source": schema.SingleNestedAttribute{
				MarkdownDescription: "Bucket that the mirror follows; null after the mirror was promoted.",
				Computed:            true,
				Attributes: map[string]schema.Attribute{
					"bucket": text("Name of the bucket."),
					"jetstream_domain": text("JetStream domain that the bucket is in; null if it is in another " +
						"account."),
					"api_prefix": text("Subject under which the mirror's account imports the JetStream API of the " +
						"source's account; null if the source is in another domain."),
					"deliver_prefix": text("Subject prefix under which messages of the source arrive; null if the " +
						"source is in another domain."),
				},
			},
			"stream":   text("Name of the stream behind the mirror."),
			"cluster":  text("Name of the NATS cluster that holds the mirror; null on a single server."),
			"history":  number("Number of revisions kept of each key."),
			"replicas": number("Number of servers that hold the mirror."),
			"promoted": flag("Whether the mirror was promoted: it is a bucket, and follows no source."),
			"healthy": flag("Whether the mirror follows its source: contact within the last ten seconds, no error " +
				"from the server, and no difference between the two. A mirror that is far behind can be healthy: to " +
				"limit the distance, check `lag`."),
			"health": text("State of the mirror in one or two words: `healthy`, `catching up`, `no contact yet`, " +
				"`contact lost`, `source missing`, `stalled`, `failing`, `diverged`, `promoted`, or, with " +
				"`unreachable = \"warn\"` in the provider's configuration, `unreachable`."),
			"description": text("State of the mirror in a sentence, with the likely cause if something is wrong."),
			"active": flag("Whether the source was in contact within the last ten seconds. A connected source sends " +
				"a heartbeat every second."),
			"last_contact": text("Time of the last contact with the source, to the second; null if there was none " +
				"since the server that leads the mirror was started."),
			"silence": number("Number of seconds since the last contact; null if there was none."),
			"lag": number("Number of messages that the mirror does not have yet: the larger of the numbers that the " +
				"mirror reports and that the source shows, if the provider can query it. Without contact, the mirror " +
				"does not know of newer messages, and its number is 0 or too small."),
			"revision":        number("Last revision in the mirror."),
			"source_revision": number("Last revision in the source; null if the source could not be queried."),
			"source_error": text("Reason why the source could not be queried; null if it was queried, or if its " +
				"account is not configured."),
			"diverged": flag("Whether the mirror and its source have different histories, because the source was " +
				"created again or restored from an older copy. The mirror then holds data of the old source, and " +
				"must be created again to follow the new one. Null if the source could not be queried."),
			"divergence": text("How the mirror and its source differ; null if they do not."),
			"keys":       number("Number of keys in the mirror, including deleted keys."),
			"messages":   number("Number of messages in the mirror."),
			"bytes":      number("Size of the messages in the mirror, in bytes, on one server."),
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

// setUnreachable sets the state of a mirror that is unknown, so that no alarm treats it as healthy.
func (m *dataModel) setUnreachable(err error) {
	m.Healthy, m.Health = types.BoolValue(false), types.StringValue(healthUnreachable)
	m.Description = types.StringValue(connection.Sentence(err.Error()))
}

// read reads the mirror, and its source if the provider can query it.
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

// sourceOf returns the JetStream API of the source, or nil if its account is unknown.
func (m *dataModel) sourceOf(data *connection.Data, found *mirror.Mirror) (*natsconn.JetStream, error) {
	switch {
	case !m.SourceAccount.IsNull():
		return data.JetStream(m.SourceAccount.ValueString(), found.Source.Domain)
	case found.Source.Domain != "":
		return data.JetStream(m.Account.ValueString(), found.Source.Domain)
	}
	return nil, nil
}

// set sets the attributes that the mirror's own server reports.
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

// compare sets the attributes that need the source.
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
