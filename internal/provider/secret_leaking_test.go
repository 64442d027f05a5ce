package provider_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	frameworkprovider "github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/nats-k3s/terraform-provider-nats/internal/acctest"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/guard"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/input"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/validators"
)

// leaking is a provider with one data source that leaks each of its attributes in a different way.
type leaking struct{}

func (leaking) Metadata(
	_ context.Context, _ frameworkprovider.MetadataRequest, resp *frameworkprovider.MetadataResponse,
) {
	resp.TypeName = "leaking"
}
func (leaking) Schema(context.Context, frameworkprovider.SchemaRequest, *frameworkprovider.SchemaResponse) {
}
func (leaking) Configure(context.Context, frameworkprovider.ConfigureRequest, *frameworkprovider.ConfigureResponse) {
}
func (leaking) Resources(context.Context) []func() resource.Resource { return nil }
func (leaking) DataSources(context.Context) []func() datasource.DataSource {
	return []func() datasource.DataSource{func() datasource.DataSource { return leakingSource{} }}
}

type leakingSource struct{}

func (leakingSource) Metadata(_ context.Context, _ datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = "leaking"
}

func (leakingSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	quote := validators.String("fine", "Invalid", func(text string) error { return errors.New("got " + text) })
	part := validators.String("fine", "Invalid",
		func(text string) error { return errors.New("got " + text[len(text)/2:len(text)/2+20]) })
	resp.Schema = schema.Schema{Attributes: map[string]schema.Attribute{
		"quoted":   schema.StringAttribute{Optional: true, Sensitive: true, Validators: []validator.String{quote}},
		"part":     schema.StringAttribute{Optional: true, Sensitive: true, Validators: []validator.String{part}},
		"logged":   schema.StringAttribute{Optional: true, Sensitive: true},
		"panicked": schema.StringAttribute{Optional: true, Sensitive: true},
		"kept":     schema.StringAttribute{Optional: true, Sensitive: true},
		"misused":  schema.StringAttribute{Optional: true},
	}}
}

func (leakingSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var config struct {
		Quoted   types.String `tfsdk:"quoted"`
		Part     types.String `tfsdk:"part"`
		Logged   types.String `tfsdk:"logged"`
		Panicked types.String `tfsdk:"panicked"`
		Kept     types.String `tfsdk:"kept"`
		Misused  types.String `tfsdk:"misused"`
	}
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	tflog.Trace(ctx, "read", map[string]any{"logged": config.Logged.ValueString()})
	if !config.Panicked.IsNull() {
		panic(config.Panicked.ValueString())
	}
}

// The search finds what a provider leaks into a diagnostic, whole or in part, into its log and into a panic, and
// nothing else. The guard removes whole secrets from diagnostics and refuses a secret in an attribute that is not meant
// for one.
func TestSecretSearchFindsLeaks(t *testing.T) {
	for name, c := range map[string]struct {
		guarded bool
		found   []string
	}{
		"as it is": {false, []string{"quoted", "part", "logged", "panicked"}},
		"guarded":  {true, []string{"part", "logged", "panicked"}},
	} {
		t.Run(name, func(t *testing.T) {
			server := providerserver.NewProtocol6(leaking{})()
			if c.guarded {
				server = guard.New(server.(input.Server))
			}
			e := &everywhere{
				leaks: newLeaks(t), session: acctest.NewSession(t, server), provider: acctest.Config{},
				fill: func(string, tftypes.Type) any { return nil },
			}
			e.schemas(t)
			for _, attribute := range []string{"quoted", "part", "logged", "panicked", "kept", "misused"} {
				want, got := false, map[string]bool{}
				for _, f := range c.found {
					want = want || f == attribute
				}
				for _, leak := range e.found {
					if what, _, ok := strings.Cut(leak, ":"); ok && strings.Contains(what, "leaking."+attribute+" ") {
						got[what] = true
					}
				}
				switch {
				case !want && len(got) > 0:
					t.Errorf("%s: found %v", attribute, got)
				case want && attribute != "part" && len(got) < len(e.distinct()), want && len(got) == 0:
					t.Errorf("%s: found only %v of %d", attribute, got, len(e.texts))
				}
			}
			valid := e.session.Validate(t, e.one(t, acctest.DataSource, "leaking"), acctest.Config{"misused": e.texts[0]})
			said, _, _ := e.session.Take(t)
			if valid == c.guarded ||
				c.guarded && (len(said) != 1 || said[0].Path != "misused" || !strings.Contains(said[0].Text, "an nkey seed")) {
				t.Errorf("a seed in an attribute for others: %v", said)
			}
		})
	}
}
