package claimattr

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/mapvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"

	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/attribute"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/customtype"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/validators"
)

// kind returns the attribute that distinguishes streams from services.
func kind() schema.StringAttribute {
	return schema.StringAttribute{
		MarkdownDescription: fmt.Sprintf("Type: `%s` for messages that the exporter publishes, `%s` for requests "+
			"that the exporter answers.",
			claims.Stream, claims.Service),
		Required: true,
	}
}

// ExportsAttribute returns the attribute exports of an account.
func ExportsAttribute() schema.ListNestedAttribute {
	return schema.ListNestedAttribute{
		MarkdownDescription: "Subjects that other accounts can import.",
		Optional:            true,
		NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
			"name": OptionalText("Name of the export, for people."),
			"subject": schema.StringAttribute{MarkdownDescription: "Exported subject. It can contain wildcards.",
				Required: true},
			"type": kind(),
			"token_required": OptionalFlag("Whether the export is private. An account can import a private export only with " +
				"an activation token, such as the `jwt` of a `nats_activation`."),
			"revocations": Revocations("Revoked activations: a map from the public key of an importing account, or " +
				"`*` for all accounts, to a time. Servers refuse activation tokens of the account that were issued " +
				"up to that time."),
			"response_type": schema.StringAttribute{
				MarkdownDescription: "How a service responds: with one message (`Singleton`), several messages " +
					"(`Stream`), or one message in chunks (`Chunked`). Defaults to `Singleton`.",
				Optional: true,
			},
			"response_threshold": schema.StringAttribute{
				MarkdownDescription: "Maximum time for a service to respond, such as `5s`. Defaults to the server's " +
					"two minutes.",
				Optional: true, CustomType: customtype.DurationType{}, Validators: []validator.String{notZero},
			},
			"latency": schema.SingleNestedAttribute{
				MarkdownDescription: "Latency measurement of a service by the servers.",
				Optional:            true,
				Attributes: map[string]schema.Attribute{
					"results": schema.StringAttribute{
						MarkdownDescription: "Subject to which measurements are published. It cannot contain wildcards.",
						Required:            true,
					},
					"sampling": schema.Int64Attribute{
						MarkdownDescription: "Share of requests to measure, in percent, from 1 to 100, or `0` for " +
							"requests whose headers ask for it.",
						Required: true,
					},
				},
			},
			"account_token_position": schema.Int64Attribute{
				MarkdownDescription: "Position in the subject, starting at 1, of the wildcard that stands for the " +
					"public key of the importing account.",
				Optional: true, Validators: []validator.Int64{int64validator.AtLeast(1)},
			},
			"advertise":   OptionalFlag("Whether tools may show the export to others."),
			"allow_trace": OptionalFlag("Whether message traces continue into a service."),
			"description": OptionalText("Purpose of the export."),
			"info_url":    OptionalText("Absolute URL with more information."),
		}},
	}
}

// ImportsAttribute returns the attribute imports of an account.
func ImportsAttribute() schema.ListNestedAttribute {
	return schema.ListNestedAttribute{
		MarkdownDescription: "Subjects imported from other accounts.",
		Optional:            true,
		NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
			"name": OptionalText("Name of the import, for people."),
			"account": schema.StringAttribute{MarkdownDescription: "Public key of the exporting account.",
				Required: true},
			"subject": schema.StringAttribute{MarkdownDescription: "Subject in the exporting account.",
				Required: true},
			"type":  kind(),
			"token": OptionalText("Activation token for a private export: the `jwt` of a `nats_activation`."),
			"local_subject": OptionalText("Subject in this account. `$1` in it refers to the first wildcard of `subject`. " +
				"Defaults to `subject`."),
			"to": OptionalText("Old form of `local_subject`, deprecated by NATS. It exists for accounts that already use " +
				"it."),
			"share": OptionalFlag("Whether the exporter of a service can see the requesting client in latency " +
				"measurements."),
			"allow_trace": OptionalFlag("Whether message traces continue into a stream."),
		}},
	}
}

// OptionalFlag returns an optional boolean that defaults to false.
func OptionalFlag(description string) schema.BoolAttribute {
	return schema.BoolAttribute{MarkdownDescription: description + " Defaults to `false`.", Optional: true}
}

// OptionalText returns an optional string that cannot be empty.
func OptionalText(description string) schema.StringAttribute {
	return schema.StringAttribute{
		MarkdownDescription: description,
		Optional:            true, Validators: []validator.String{stringvalidator.LengthAtLeast(1)},
	}
}

// Revocations returns an attribute that maps public keys to times.
func Revocations(description string) schema.MapAttribute {
	return schema.MapAttribute{
		MarkdownDescription: description,
		Optional:            true, ElementType: customtype.TimeType{},
		Validators: []validator.Map{mapvalidator.NoNullValues(), mapvalidator.ValueStringsAre(validators.Time())},
	}
}

// notZero refuses a zero threshold, which the claims omit. Other validators refuse negative values and values that are
// not a duration.
var notZero = validators.String("a duration above zero", "Invalid Duration", func(text string) error {
	if d, err := time.ParseDuration(text); err == nil && d == 0 {
		return errors.New("leave it out to use the server's two minutes")
	}
	return nil
})

// ExportFields returns the fields of an element of [ExportsAttribute].
func ExportFields(e claims.Export) attribute.Fields {
	fields := attribute.Fields{
		"name": e.Name, "subject": e.Subject, "type": e.Type, "token_required": e.TokenRequired, "revocations": e.Revocations,
		"response_type": e.ResponseType, "response_threshold": e.ResponseThreshold, "advertise": e.Advertise,
		"allow_trace": e.AllowTrace,
		"description": e.Description, "info_url": e.InfoURL,
	}
	if e.AccountTokenPosition > 0 {
		fields["account_token_position"] = int64(e.AccountTokenPosition) //nolint:gosec // a position in a subject
	}
	if e.Latency != nil {
		fields["latency"] = attribute.Fields{"results": e.Latency.Results, "sampling": e.Latency.Sampling}
	}
	return fields
}

// ImportFields returns the fields of an element of [ImportsAttribute].
func ImportFields(i claims.Import) attribute.Fields {
	return attribute.Fields{
		"name": i.Name, "subject": i.Subject, "account": i.Account, "token": i.Token, "to": i.To,
		"local_subject": i.LocalSubject,
		"type":          i.Type, "share": i.Share, "allow_trace": i.AllowTrace,
	}
}

// ExportsValue returns exports as a value of [ExportsAttribute].
func ExportsValue(ctx context.Context, exports []claims.Export) attr.Value {
	var fields []attribute.Fields
	for _, e := range exports {
		fields = append(fields, ExportFields(e))
	}
	return attribute.Value(ctx, ExportsAttribute().GetType(), fields)
}

// ImportsValue returns imports as a value of [ImportsAttribute].
func ImportsValue(ctx context.Context, imports []claims.Import) attr.Value {
	var fields []attribute.Fields
	for _, i := range imports {
		fields = append(fields, ImportFields(i))
	}
	return attribute.Value(ctx, ImportsAttribute().GetType(), fields)
}
