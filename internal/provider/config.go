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

// The values of unreachable.
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
		MarkdownDescription: "Everything that a k3s cluster needs to keep its state in NATS.",
		Attributes: map[string]schema.Attribute{
			"servers": schema.ListAttribute{
				MarkdownDescription: "URLs of NATS servers, `scheme://host[:port]` with the scheme `nats`, `tls`, `ws` or `wss`. Falls back to " +
					"the context, then to `NATS_URL` (comma-separated).",
				Optional:    true,
				ElementType: types.StringType,
				Validators: []validator.List{
					listvalidator.SizeAtLeast(1),
					listvalidator.ValueStringsAre(validators.Server()),
				},
			},
			"context": schema.StringAttribute{
				MarkdownDescription: "Name of a NATS CLI context, or the absolute path of a context file. What it sets is overridden by the " +
					"other attributes here, and overrides the environment. Falls back to `NATS_CONTEXT`, then to the context that the NATS " +
					"CLI has selected; the environment overrides those two.",
				Optional: true,
				Validators: []validator.String{validators.String("the name of a context or an absolute path", "Invalid NATS Context",
					checkContext)},
			},
			"credentials": schema.StringAttribute{
				MarkdownDescription: "Content of a credentials file: the JWT and seed of a user.",
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
				MarkdownDescription: "User name, together with `password`. Falls back to `NATS_USER`.",
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
				MarkdownDescription: "Token. Falls back to `NATS_TOKEN`.",
				Optional:            true, Sensitive: true,
				Validators: append(oneWay("token"), stringvalidator.LengthAtLeast(1), validators.Secret()),
			},
			"nkey_seed": schema.StringAttribute{
				MarkdownDescription: "Seed of a user's key pair, which starts with `SU`. Falls back to the file named by `NATS_NKEY`.",
				Optional:            true, Sensitive: true,
				Validators: append(oneWay("nkey_seed"), validators.Seed(natsconn.UserKey)),
			},
			"tls": schema.SingleNestedAttribute{
				MarkdownDescription: "What a TLS connection needs beyond the system's certificate authorities. Setting it makes the connection " +
					"use TLS. Falls back to the files named by `NATS_CA`, `NATS_CERT` and `NATS_KEY`.",
				Optional:   true,
				Attributes: tlsconfig.ProviderAttributes(),
			},
			"jetstream_domain": schema.StringAttribute{
				MarkdownDescription: "JetStream domain that resources work in unless they name one. Falls back to that of the context, then to " +
					"the domain of the connected server.",
				Optional: true,
				Validators: []validator.String{validators.String("the name of a JetStream domain", "Invalid JetStream Domain",
					natsconn.CheckDomain)},
			},
			"connect_timeout": schema.StringAttribute{
				MarkdownDescription: fmt.Sprintf("How long to try to connect to one server, such as `10s`. Defaults to `%s`. An operation that changes something "+
					"tries again for a minute, and every operation waits for servers that were reached before, such as ones that are being restarted, as long as the "+
					"resource's `timeouts` allow.", natsconn.DefaultConnectTimeout),
				Optional:   true,
				Validators: []validator.String{validators.PositiveDuration()},
			},
			"request_timeout": schema.StringAttribute{
				MarkdownDescription: fmt.Sprintf("How long to wait for one answer of a server, such as `30s`. Defaults to `%s`. An operation whose "+
					"answer was lost is repeated, as long as the resource's `timeouts` allow.", natsconn.DefaultRequestTimeout),
				Optional:   true,
				Validators: []validator.String{validators.PositiveDuration()},
			},
			"unreachable": schema.StringAttribute{
				MarkdownDescription: fmt.Sprintf("What a plan does about servers that cannot be reached: `%s` (the default), or `%s`, "+
					"which keeps what is known of a resource there, and has a data source return null, so that one region's death does not block a failover to another. Creating, "+
					"updating and destroying what is there fails either way.",
					unreachableError, unreachableWarn),
				Optional:   true,
				Validators: []validator.String{stringvalidator.OneOf(unreachableError, unreachableWarn)},
			},
			operatorAttr: operatorAttribute(),
			accountsAttr: accountsAttribute(),
		},
	}
}

// authAttributes are the ways to authenticate, of which one may be configured. A password goes with its user.
var authAttributes = []string{"credentials", "credentials_file", "user", "token", "nkey_seed"}

// oneWay refuses every other way to authenticate beside this one.
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
		return errors.New("it is a relative path: give the name of a context, or an absolute path")
	}
	return nil
}

// unknown lists the attributes that are not known yet.
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

// settings returns the settings that the configuration holds. Unknown attributes are left out: see unknown.
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

// duration reads a duration that was validated; zero stands for one that is not there.
func duration(value types.String) time.Duration {
	d, err := time.ParseDuration(value.ValueString())
	if err != nil {
		return 0
	}
	return d
}
