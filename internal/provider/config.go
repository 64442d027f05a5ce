package provider

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-validators/listvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/provider/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/nats-k3s/terraform-provider-nats/internal/invisible"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/tlsconfig"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/validators"
	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

// Values of the attribute unreachable.
const (
	unreachableError = "error"
	unreachableWarn  = "warn"
)

type configModel struct {
	Servers         types.List   `tfsdk:"servers"`
	Context         types.String `tfsdk:"context"`
	Credentials     types.String `tfsdk:"credentials"`
	CredentialsFile types.String `tfsdk:"credentials_file"`
	User            types.String `tfsdk:"user"`
	Password        types.String `tfsdk:"password"`
	Token           types.String `tfsdk:"token"`
	NKeySeed        types.String `tfsdk:"nkey_seed"`
	TLS             types.Object `tfsdk:"tls"`
	JetStreamDomain types.String `tfsdk:"jetstream_domain"`
	ConnectTimeout  types.String `tfsdk:"connect_timeout"`
	RequestTimeout  types.String `tfsdk:"request_timeout"`
	Unreachable     types.String `tfsdk:"unreachable"`
	Operator        types.Object `tfsdk:"operator"`
	Accounts        types.Object `tfsdk:"accounts"`
}

func (p *natsProvider) Schema(_ context.Context, _ provider.SchemaRequest, resp *provider.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Manages the NATS accounts, users and JetStream buckets that k3s clusters keep their state in.",
		Attributes: map[string]schema.Attribute{
			"servers": schema.ListAttribute{
				MarkdownDescription: "URLs of NATS servers, in the form `scheme://host[:port]`. The scheme is `nats`, `tls`, " +
					"`ws` or `wss`. Falls back to the context, then to `NATS_URL` (comma-separated).",
				Optional:    true,
				ElementType: types.StringType,
				Validators: []validator.List{
					listvalidator.SizeAtLeast(1),
					listvalidator.ValueStringsAre(validators.Server()),
				},
			},
			"context": schema.StringAttribute{
				MarkdownDescription: "Name of a NATS CLI context, or absolute path of a context file. Its settings override the " +
					"environment, and the other attributes of the provider override its settings. Falls back to `NATS_CONTEXT`, " +
					"then to the context that is selected in the NATS CLI; the environment overrides the settings of those two.",
				Optional: true,
				Validators: []validator.String{validators.String("the name of a context or an absolute path",
					"Invalid NATS Context", checkContext)},
			},
			"credentials": schema.StringAttribute{
				MarkdownDescription: "Content of a credentials file, which holds the JWT and the seed of a user.",
				Optional:            true, Sensitive: true,
				Validators: append(oneWay("credentials"), validators.Credentials()),
			},
			"credentials_file": schema.StringAttribute{
				MarkdownDescription: "Path of a credentials file. Falls back to `NATS_CREDS`.",
				Optional:            true,
				Validators: append(oneWay("credentials_file"),
					validators.String("a path", "Invalid Path", tlsconfig.CheckPath)),
			},
			"user": schema.StringAttribute{
				MarkdownDescription: "User name. Requires `password`. Falls back to `NATS_USER`.",
				Optional:            true,
				Validators: append(oneWay("user"), stringvalidator.LengthAtLeast(1), validators.Secret(),
					stringvalidator.AlsoRequires(path.MatchRoot("password"))),
			},
			"password": schema.StringAttribute{
				MarkdownDescription: "Password of the user. Falls back to `NATS_PASSWORD`.",
				Optional:            true, Sensitive: true,
				Validators: []validator.String{stringvalidator.LengthAtLeast(1), validators.Secret(),
					stringvalidator.AlsoRequires(path.MatchRoot("user"))},
			},
			"token": schema.StringAttribute{
				MarkdownDescription: "Authentication token. Falls back to `NATS_TOKEN`.",
				Optional:            true, Sensitive: true,
				Validators: append(oneWay("token"), stringvalidator.LengthAtLeast(1), validators.Secret()),
			},
			"nkey_seed": schema.StringAttribute{
				MarkdownDescription: "Seed of a user NKey, which starts with `SU`. Falls back to the file named by `NATS_NKEY`.",
				Optional:            true, Sensitive: true,
				Validators: append(oneWay("nkey_seed"), validators.Seed(natsconn.UserKey)),
			},
			"tls": schema.SingleNestedAttribute{
				MarkdownDescription: "TLS settings of the connection. If set, even to an empty object, the connection uses TLS. " +
					"Falls back to the files named by `NATS_CA`, `NATS_CERT` and `NATS_KEY`.",
				Optional:   true,
				Attributes: tlsconfig.ProviderAttributes(),
			},
			"jetstream_domain": schema.StringAttribute{
				MarkdownDescription: "JetStream domain of resources that do not set their own. Falls back to the domain of the " +
					"context, then to the domain of the connected server.",
				Optional: true,
				Validators: []validator.String{validators.String("the name of a JetStream domain",
					"Invalid JetStream Domain", natsconn.CheckDomain)},
			},
			"connect_timeout": schema.StringAttribute{
				MarkdownDescription: fmt.Sprintf("Maximum time to connect to one server, for example `10s`. An operation that "+
					"changes something retries for a minute. Every operation waits for servers that have been reached before, for "+
					"example servers that restart, up to the resource's `timeouts`. Defaults to `%s`.",
					natsconn.DefaultConnectTimeout),
				Optional:   true,
				Validators: []validator.String{validators.PositiveDuration()},
			},
			"request_timeout": schema.StringAttribute{
				MarkdownDescription: fmt.Sprintf("Maximum time to wait for a response from a server, for example `30s`. An "+
					"operation whose response is lost is retried, up to the resource's `timeouts`. Defaults to `%s`.",
					natsconn.DefaultRequestTimeout),
				Optional:   true,
				Validators: []validator.String{validators.PositiveDuration()},
			},
			"unreachable": schema.StringAttribute{
				MarkdownDescription: fmt.Sprintf("What a plan does if servers cannot be reached: `%[1]s` fails; `%[2]s` keeps "+
					"the prior state of a resource, returns null for a data source, and adds a warning. With `%[2]s`, an outage of "+
					"one region does not block a failover to another. Creating, updating and destroying a resource on these servers "+
					"fails with either value. Defaults to `%[1]s`.", unreachableError, unreachableWarn),
				Optional:   true,
				Validators: []validator.String{stringvalidator.OneOf(unreachableError, unreachableWarn)},
			},
			operatorAttr: operatorAttribute(),
			accountsAttr: accountsAttribute(),
		},
	}
}

// authAttributes are the ways to authenticate. They exclude each other. A password is part of its user.
var authAttributes = []string{"credentials", "credentials_file", "user", "token", "nkey_seed"}

// oneWay returns a validator that rejects the other ways to authenticate next to this one.
func oneWay(attribute string) []validator.String {
	var others []path.Expression
	for _, other := range authAttributes {
		if other != attribute {
			others = append(others, path.MatchRoot(other))
		}
	}
	return []validator.String{stringvalidator.ConflictsWith(others...)}
}

func checkContext(name string) error {
	if err := secret.CheckPath(name); err != nil {
		return err
	}
	switch {
	case name == "":
		return errors.New("it is empty")
	case invisible.Check(name) != nil:
		return invisible.Check(name)
	case strings.HasPrefix(name, "~"):
		return errors.New("the ~ is not expanded: use pathexpand()")
	case strings.ContainsAny(name, `/\`) && !filepath.IsAbs(name), strings.Contains(name, ".."):
		return errors.New("it is a relative path: use the name of a context or an absolute path")
	}
	return nil
}

// unknown returns the names of the attributes whose values are unknown.
func (m *configModel) unknown() []string {
	var names []string
	for _, attribute := range []struct {
		name    string
		unknown bool
	}{
		{"servers", hasUnknown(m.Servers)},
		{"context", m.Context.IsUnknown()},
		{"credentials", m.Credentials.IsUnknown()},
		{"credentials_file", m.CredentialsFile.IsUnknown()},
		{"user", m.User.IsUnknown()},
		{"password", m.Password.IsUnknown()},
		{"token", m.Token.IsUnknown()},
		{"nkey_seed", m.NKeySeed.IsUnknown()},
		{"tls", tlsconfig.HasUnknown(m.TLS)},
		{"jetstream_domain", m.JetStreamDomain.IsUnknown()},
		{"connect_timeout", m.ConnectTimeout.IsUnknown()},
		{"request_timeout", m.RequestTimeout.IsUnknown()},
		{"unreachable", m.Unreachable.IsUnknown()},
	} {
		if attribute.unknown {
			names = append(names, attribute.name)
		}
	}
	return names
}

func hasUnknown(list types.List) bool {
	if list.IsUnknown() {
		return true
	}
	for _, element := range list.Elements() {
		if element.IsUnknown() {
			return true
		}
	}
	return false
}

// settings returns the settings of the configuration, without unknown attributes.
func (m *configModel) settings(ctx context.Context, diags *diag.Diagnostics) natsconn.Settings {
	s := natsconn.Settings{
		Context: m.Context.ValueString(),
		Auth: natsconn.Auth{
			Credentials: m.Credentials.ValueString(), CredentialsFile: m.CredentialsFile.ValueString(),
			User: m.User.ValueString(), Password: m.Password.ValueString(),
			Token: m.Token.ValueString(), NKeySeed: m.NKeySeed.ValueString(),
		},
		TLS:            tlsconfig.Settings(m.TLS),
		Domain:         m.JetStreamDomain.ValueString(),
		ConnectTimeout: duration(m.ConnectTimeout),
		RequestTimeout: duration(m.RequestTimeout),
	}
	if !hasUnknown(m.Servers) {
		diags.Append(m.Servers.ElementsAs(ctx, &s.Servers, false)...)
	}
	return s
}

// duration returns a validated duration, or zero if it is not set.
func duration(value types.String) time.Duration {
	d, err := time.ParseDuration(value.ValueString())
	if err != nil {
		return 0
	}
	return d
}
