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

// kind is the attribute that tells streams from services.
func kind() schema.StringAttribute {
	return schema.StringAttribute{
		MarkdownDescription: fmt.Sprintf("`%s` for messages that the exporter publishes, `%s` for requests that it answers.", claims.Stream, claims.Service),
		Required:            true,
	}
}

// ExportsAttribute is the attribute exports of an account.
func ExportsAttribute() schema.ListNestedAttribute {
	return schema.ListNestedAttribute{
		MarkdownDescription: "Subjects that other accounts may import.",
		Optional:            true,
		NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
			"name":    OptionalText("Name, for people."),
			"subject": schema.StringAttribute{MarkdownDescription: "Subject, which may have wildcards.", Required: true},
			"type":    kind(),
			"token_required": OptionalFlag("Keep the export private: an account can import it only with an activation token, as `nats_activation` makes " +
				"one."),
			"revocations": Revocations("Accounts whose activation tokens are refused, by their public key or `*` for all: those that were issued up to " +
				"the time given."),
			"response_type": schema.StringAttribute{
				MarkdownDescription: "How a service answers: with one message (`Singleton`, the default), several (`Stream`), or one in parts (`Chunked`).",
				Optional:            true,
			},
			"response_threshold": schema.StringAttribute{
				MarkdownDescription: "How long a service may take to answer, such as `5s`. Defaults to the server's two minutes.",
				Optional:            true, CustomType: customtype.DurationType{}, Validators: []validator.String{notZero},
			},
			"latency": schema.SingleNestedAttribute{
				MarkdownDescription: "Has the servers measure how long a service takes.",
				Optional:            true,
				Attributes: map[string]schema.Attribute{
					"results": schema.StringAttribute{MarkdownDescription: "Subject that measurements are published to, without wildcards.", Required: true},
					"sampling": schema.Int64Attribute{
						MarkdownDescription: "Share of requests that are measured, in percent, from 1 to 100; `0` for those whose headers ask for it.",
						Required:            true,
					},
				},
			},
			"account_token_position": schema.Int64Attribute{
				MarkdownDescription: "Position in the subject, from 1 on, of the wildcard that stands for the importing account's public key.",
				Optional:            true, Validators: []validator.Int64{int64validator.AtLeast(1)},
			},
			"advertise":   OptionalFlag("Note for tools that the export may be shown to others."),
			"allow_trace": OptionalFlag("Let message traces into a service."),
			"description": OptionalText("What the export is for."),
			"info_url":    OptionalText("Address of further information, an absolute URL."),
		}},
	}
}

// ImportsAttribute is the attribute imports of an account.
func ImportsAttribute() schema.ListNestedAttribute {
	return schema.ListNestedAttribute{
		MarkdownDescription: "Subjects of other accounts.",
		Optional:            true,
		NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
			"name":          OptionalText("Name, for people."),
			"account":       schema.StringAttribute{MarkdownDescription: "Public key of the exporting account.", Required: true},
			"subject":       schema.StringAttribute{MarkdownDescription: "Subject in the exporting account.", Required: true},
			"type":          kind(),
			"token":         OptionalText("Activation token, for a private export: `jwt` of a `nats_activation`."),
			"local_subject": OptionalText("Subject in this account, if not the same. `$1` in it stands for the first wildcard of `subject`."),
			"to":            OptionalText("Older form of `local_subject`, which NATS has deprecated: for accounts that have it already."),
			"share":         OptionalFlag("Let the exporter of a service see who asks, for latency measurements."),
			"allow_trace":   OptionalFlag("Let message traces into a stream."),
		}},
	}
}

// OptionalFlag is an optional boolean that is false by default.
func OptionalFlag(description string) schema.BoolAttribute {
	return schema.BoolAttribute{MarkdownDescription: description + " Defaults to `false`.", Optional: true}
}

// OptionalText is an optional text that is not empty.
func OptionalText(description string) schema.StringAttribute {
	return schema.StringAttribute{
		MarkdownDescription: description,
		Optional:            true, Validators: []validator.String{stringvalidator.LengthAtLeast(1)},
	}
}

// Revocations is a map of times by public key.
func Revocations(description string) schema.MapAttribute {
	return schema.MapAttribute{
		MarkdownDescription: description,
		Optional:            true, ElementType: customtype.TimeType{},
		Validators: []validator.Map{mapvalidator.NoNullValues(), mapvalidator.ValueStringsAre(validators.Time())},
	}
}

// notZero refuses a threshold that the claims leave out. What is negative or not a duration is told elsewhere.
var notZero = validators.String("a duration above zero", "Invalid Duration", func(text string) error {
	if d, err := time.ParseDuration(text); err == nil && d == 0 {
		return errors.New("leave it out for the server's two minutes")
	}
	return nil
})

// ExportFields returns the fields of one of [ExportsAttribute].
func ExportFields(e claims.Export) attribute.Fields {
	fields := attribute.Fields{
		"name": e.Name, "subject": e.Subject, "type": e.Type, "token_required": e.TokenRequired, "revocations": e.Revocations,
		"response_type": e.ResponseType, "response_threshold": e.ResponseThreshold, "advertise": e.Advertise, "allow_trace": e.AllowTrace,
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

// ImportFields returns the fields of one of [ImportsAttribute].
func ImportFields(i claims.Import) attribute.Fields {
	return attribute.Fields{
		"name": i.Name, "subject": i.Subject, "account": i.Account, "token": i.Token, "to": i.To, "local_subject": i.LocalSubject,
		"type": i.Type, "share": i.Share, "allow_trace": i.AllowTrace,
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
