package functions

import (
	"context"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/attribute"
)

type datastoreEndpointParse struct{}

// NewDatastoreEndpointParse returns the function datastore_endpoint_parse.
func NewDatastoreEndpointParse() function.Function { return datastoreEndpointParse{} }

// inspection is the object that the function returns.
type inspection struct {
	Error           types.String `tfsdk:"error"`
	Servers         []string     `tfsdk:"servers"`
	Bucket          types.String `tfsdk:"bucket"`
	Replicas        types.Int64  `tfsdk:"replicas"`
	History         types.Int64  `tfsdk:"history"`
	SlowMethod      types.String `tfsdk:"slow_method"`
	Authentication  types.String `tfsdk:"authentication"`
	User            types.String `tfsdk:"user"`
	CredentialsFile types.String `tfsdk:"credentials_file"`
	ContextFile     types.String `tfsdk:"context_file"`
	Embedded        embedded     `tfsdk:"embedded"`
	URLRedacted     types.String `tfsdk:"url_redacted"`
	Warnings        []string     `tfsdk:"warnings"`
}

type embedded struct {
	NoEmbed       types.Bool   `tfsdk:"no_embed"`
	ServerConfig  types.String `tfsdk:"server_config"`
	DataDir       types.String `tfsdk:"data_dir"`
	DontListen    types.Bool   `tfsdk:"dont_listen"`
	StdoutLogging types.Bool   `tfsdk:"stdout_logging"`
	Host          types.String `tfsdk:"host"`
	Port          types.Int64  `tfsdk:"port"`
}

// texts is the type of a list of strings.
var texts = types.ListType{ElemType: types.StringType}

var inspectionTypes = map[string]attr.Type{
	"error":            types.StringType,
	"servers":          texts,
	"bucket":           types.StringType,
	"replicas":         types.Int64Type,
	"history":          types.Int64Type,
	"slow_method":      types.StringType,
	"authentication":   types.StringType,
	"user":             types.StringType,
	"credentials_file": types.StringType,
	"context_file":     types.StringType,
	"embedded": types.ObjectType{AttrTypes: map[string]attr.Type{
		"no_embed":       types.BoolType,
		"server_config":  types.StringType,
		"data_dir":       types.StringType,
		"dont_listen":    types.BoolType,
		"stdout_logging": types.BoolType,
		"host":           types.StringType,
		"port":           types.Int64Type,
	}},
	"url_redacted": types.StringType,
	"warnings":     texts,
}

// description describes the function and each attribute of its result.
var description = strings.Join([]string{
	"Shows how KINE interprets a datastore endpoint, with warnings about parts that KINE ignores, misreads or sends in " +
		"another form. The result contains no secrets. Terraform still marks it as sensitive if the argument is sensitive; " +
		"`nonsensitive()` removes the mark.\n\nThe result is an object. Attributes without a value are null:\n",
	"- `error`: reason why KINE refuses the endpoint before it connects.",
	"- `servers`: servers that KINE connects to, as `nats://host[:port]`; empty with a context file.",
	"- `bucket`, `replicas`, `history`: settings of the bucket that KINE opens, or creates if it does not exist.",
	"- `slow_method`: time after which KINE logs a call as slow.",
	"- `authentication`: `none`, `user`, `token`, `credentials_file` or `context_file`.",
	"- `user`: user name that KINE sends.",
	"- `credentials_file`, `context_file`: paths on the node.",
	"- `embedded`: options of a KINE with an embedded NATS server, which k3s does not include: `no_embed`, " +
		"`server_config`, `data_dir`, `dont_listen`, `stdout_logging`, `host`, `port`.",
	"- `url_redacted`: the endpoint without user, password and token; null if it is unclear where these end.",
	"- `warnings`: list of problems, each with a remedy.",
}, "\n")

func (datastoreEndpointParse) Metadata(_ context.Context, _ function.MetadataRequest, resp *function.MetadataResponse) {
	resp.Name = "datastore_endpoint_parse"
}

func (datastoreEndpointParse) Definition(
	_ context.Context, _ function.DefinitionRequest, resp *function.DefinitionResponse,
) {
	resp.Definition = function.Definition{
		Summary:             "Show how KINE interprets a datastore endpoint",
		MarkdownDescription: description,
		Parameters: []function.Parameter{function.StringParameter{
			Name:                "url",
			MarkdownDescription: "Datastore endpoint, as passed to `--datastore-endpoint` of k3s.",
		}},
		Return: function.ObjectReturn{AttributeTypes: inspectionTypes},
	}
}

func (datastoreEndpointParse) Run(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
	var url string
	if resp.Error = req.Arguments.Get(ctx, &url); resp.Error != nil {
		return
	}
	in := kine.InspectEndpoint(url)
	result := inspection{
		Error: attribute.Text(in.Error), Servers: append([]string{}, in.Servers...),
		Bucket: attribute.Text(in.Spec.Name), Replicas: types.Int64Value(int64(in.Spec.Replicas)),
		History:    types.Int64Value(in.Spec.History),
		SlowMethod: types.StringValue(in.SlowMethod.String()), Authentication: types.StringValue(in.Authentication),
		User: attribute.Text(in.User), CredentialsFile: attribute.Text(in.CredentialsFile),
		ContextFile: attribute.Text(in.ContextFile),
		Embedded: embedded{
			NoEmbed: types.BoolValue(in.Embedded.Disabled), ServerConfig: attribute.Text(in.Embedded.ServerConfig),
			DataDir:    attribute.Text(in.Embedded.DataDir),
			DontListen: types.BoolValue(in.Embedded.DontListen), StdoutLogging: types.BoolValue(in.Embedded.LogsStdout),
			Host: attribute.Text(in.Embedded.Host), Port: types.Int64Null(),
		},
		URLRedacted: attribute.Text(in.Redacted), Warnings: append([]string{}, in.Warnings...),
	}
	if in.Embedded.Port > 0 {
		result.Embedded.Port = types.Int64Value(int64(in.Embedded.Port))
	}
	if in.Spec == (kine.Spec{}) {
		result.Replicas, result.History = types.Int64Null(), types.Int64Null()
	}
	resp.Error = resp.Result.Set(ctx, &result)
}
