package k3sendpoint

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/attribute"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/connection"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/stream"
)

// endpointModel contains the attributes that the resource and the ephemeral resource share.
type endpointModel struct {
	Servers         types.List   `tfsdk:"servers"`
	Datastore       types.Object `tfsdk:"datastore"`
	CredentialsFile types.String `tfsdk:"credentials_file"`
	ContextFile     types.String `tfsdk:"context_file"`
	User            types.String `tfsdk:"user"`
	Password        types.String `tfsdk:"password"`
	Token           types.String `tfsdk:"token"`
	TLS             types.Object `tfsdk:"tls"`
	SlowMethod      types.String `tfsdk:"slow_method"`
	K3sVersion      types.String `tfsdk:"k3s_version"`
	Verify          types.String `tfsdk:"verify"`
	Verification    types.Object `tfsdk:"verification"`
	URL             types.String `tfsdk:"url"`
	URLRedacted     types.String `tfsdk:"url_redacted"`
	K3sConfig       types.String `tfsdk:"k3s_config"`
	Environment     types.Map    `tfsdk:"environment"`
	KINEVersion     types.String `tfsdk:"kine_version"`
}

// fieldPaths maps the fields of a [kine.Endpoint] to their attributes.
var fieldPaths = map[string]path.Path{
	"Servers":         path.Root("servers"),
	"Bucket":          path.Root("datastore").AtName("name"),
	"History":         path.Root("datastore").AtName("history"),
	"Replicas":        path.Root("datastore").AtName("replicas"),
	"CredentialsFile": path.Root("credentials_file"),
	"ContextFile":     path.Root("context_file"),
	"User":            path.Root("user"),
	"Password":        path.Root("password"),
	"Token":           path.Root("token"),
	"CAFile":          path.Root("tls").AtName("ca_file"),
	"CertFile":        path.Root("tls").AtName("cert_file"),
	"KeyFile":         path.Root("tls").AtName("key_file"),
	"SlowMethod":      path.Root("slow_method"),
}

// endpoint returns the endpoint that the model describes, and the names of its unknown fields. An unknown field is left
// empty; an unknown element of servers is named with its index.
func (m *endpointModel) endpoint() (e kine.Endpoint, unknown map[string]bool) {
	unknown = map[string]bool{}
	text := func(field string, value attr.Value) string {
		s, ok := value.(types.String)
		if !ok || s.IsUnknown() {
			unknown[field] = true
			return ""
		}
		return s.ValueString()
	}
	number := func(field string, value attr.Value) int64 {
		n, ok := value.(types.Int64)
		if !ok || n.IsUnknown() {
			unknown[field] = true
			return 0
		}
		return n.ValueInt64()
	}

	if m.Servers.IsUnknown() {
		unknown["Servers"] = true
	}
	for i, server := range m.Servers.Elements() {
		e.Servers = append(e.Servers, text(serverField(i), server))
	}
	store := m.datastore()
	e.Spec = kine.Spec{
		Name: text("Bucket", store.Name), History: number("History", store.History),
		Replicas: int(number("Replicas", store.Replicas)),
	}
	e.CredentialsFile, e.ContextFile = text("CredentialsFile", m.CredentialsFile), text("ContextFile", m.ContextFile)
	e.User, e.Password = text("User", m.User), text("Password", m.Password)
	e.Token = text("Token", m.Token)
	if !m.TLS.IsNull() {
		files := m.files()
		e.CAFile, e.CertFile = text("CAFile", files.CAFile), text("CertFile", files.CertFile)
		e.KeyFile = text("KeyFile", files.KeyFile)
	}
	// The validators of the schema have refused invalid durations.
	e.SlowMethod, _ = time.ParseDuration(text("SlowMethod", m.SlowMethod))
	return e, unknown
}

// datastore returns the attribute datastore.
func (m *endpointModel) datastore() stream.Datastore {
	return stream.DatastoreOf(context.Background(), m.Datastore)
}

// tlsFiles contains the paths of files on the node.
type tlsFiles struct {
	CAFile   types.String `tfsdk:"ca_file"`
	CertFile types.String `tfsdk:"cert_file"`
	KeyFile  types.String `tfsdk:"key_file"`
}

// files returns the attribute tls. If it is unknown, its paths are unknown.
func (m *endpointModel) files() tlsFiles {
	if m.TLS.IsUnknown() {
		return tlsFiles{types.StringUnknown(), types.StringUnknown(), types.StringUnknown()}
	}
	var files tlsFiles
	attribute.Decode(context.Background(), m.TLS, &files)
	return files
}

func serverField(index int) string { return fmt.Sprintf("Servers[%d]", index) }

// validated lists the fields that the validators of the schema check.
var validated = []string{"Bucket", "History", "Replicas", "SlowMethod"}

// check adds an error for each known field of the endpoint that KINE cannot use.
func (m *endpointModel) check(diags *diag.Diagnostics) {
	e, unknown := m.endpoint()
	for _, problem := range e.Check() {
		at, field := fieldPaths[problem.Field], problem.Field
		if problem.Index >= 0 {
			at, field = at.AtListIndex(problem.Index), serverField(problem.Index)
		}
		if unknown[field] || problem.Field == "Servers" && unknown["ContextFile"] || slices.Contains(validated, field) {
			continue
		}
		// For a nested attribute, a CLI shows only the resource.
		diags.AddAttributeError(at, "Invalid Datastore Endpoint",
			fmt.Sprintf("Attribute %s: %s.\n\n%s", at, problem.Problem, problem.Remedy))
	}
	m.checkWritable(diags)
}

// checkWritable refuses a datastore that is known not to be writable.
func (m *endpointModel) checkWritable(diags *diag.Diagnostics) {
	store := m.datastore()
	if store.Writable.IsNull() || store.Writable.IsUnknown() || store.Writable.ValueBool() {
		return
	}
	reason := "writable is false, without a reason"
	if text := store.Reason.ValueString(); text != "" {
		reason = text
	}
	diags.AddAttributeError(path.Root("datastore"), "Datastore Is Not Writable",
		fmt.Sprintf("KINE could not start on this datastore: %s.\n\nSet datastore to the bucket that is in use, or "+
			"make this bucket writable first.", reason))
}

// derive computes the attributes that follow from the parts of the endpoint. They are unknown if a part is unknown. The
// model must be free of errors.
func (m *endpointModel) derive(diags *diag.Diagnostics) {
	m.URL, m.URLRedacted, m.K3sConfig = types.StringUnknown(), types.StringUnknown(), types.StringUnknown()
	m.Environment = types.MapUnknown(types.StringType)
	m.KINEVersion = kineVersion(m.K3sVersion)
	e, unknown := m.endpoint()
	if len(unknown) > 0 || diags.HasError() {
		return
	}
	if err := m.setOutputs(e); err != nil {
		diags.AddError("Unable to Build the "+what, connection.Sentence(err.Error()))
	}
}

// kineVersion returns the version of KINE that a version of k3s bundles, or null if it is unknown.
func kineVersion(k3s types.String) types.String {
	if k3s.IsUnknown() {
		return types.StringUnknown()
	}
	return attribute.Text(kine.LookUpK3s(k3s.ValueString()).KINE)
}

func (m *endpointModel) setOutputs(e kine.Endpoint) error {
	url, err := e.URL()
	if err != nil {
		return err
	}
	redacted, err := e.Redacted()
	if err != nil {
		return err
	}
	config, err := e.K3sConfig()
	if err != nil {
		return err
	}
	environment, err := e.Environment()
	if err != nil {
		return err
	}
	variables := map[string]attr.Value{}
	for name, value := range environment {
		variables[name] = types.StringValue(value)
	}
	m.URL, m.URLRedacted, m.K3sConfig = types.StringValue(url), types.StringValue(redacted), types.StringValue(config)
	m.Environment = types.MapValueMust(types.StringType, variables)
	return nil
}

// newModel returns the model of an imported endpoint.
func newModel(ctx context.Context, e kine.Endpoint) (m endpointModel, diags diag.Diagnostics) {
	m.Servers = types.ListNull(types.StringType)
	if len(e.Servers) > 0 {
		var more diag.Diagnostics
		m.Servers, more = types.ListValueFrom(ctx, types.StringType, e.Servers)
		diags.Append(more...)
	}
	m.Datastore = stream.Datastore{
		Name: types.StringValue(e.Spec.Name), History: types.Int64Value(e.Spec.History),
		Replicas: types.Int64Value(int64(e.Spec.Replicas)),
	}.Object()
	m.CredentialsFile, m.ContextFile = attribute.Text(e.CredentialsFile), attribute.Text(e.ContextFile)
	m.User, m.Password, m.Token = attribute.Text(e.User), attribute.Text(e.Password), attribute.Text(e.Token)
	if e.SlowMethod > 0 {
		m.SlowMethod = types.StringValue(e.SlowMethod.String())
	}
	if err := m.setOutputs(e); err != nil {
		diags.AddError("Unable to Build the "+what, connection.Sentence(err.Error()))
	}
	return m, diags
}
