package account

import (
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/mapvalidator"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"

	"github.com/nats-k3s/terraform-provider-nats/internal/bytesize"
	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/claimattr"
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

func jetStreamAttribute() schema.SingleNestedAttribute {
	const storage = " such as `10GiB`, or `-1` for no limit. Without it, the account has none of it."
	someStorage := validators.String("a size above zero, or -1 for no limit", "Invalid Storage Limit", checkStorage)
	limits := map[string]schema.Attribute{
		"disk_storage":            size("Greatest size of all streams on disk,"+storage, someStorage),
		"memory_storage":          size("Greatest size of all streams in memory,"+storage, someStorage),
		"streams":                 limit("Maximum number of streams."),
		"consumers":               limit("Greatest number of consumers."),
		"max_ack_pending":         limit("Greatest number of messages that wait for an acknowledgement, for each consumer."),
		"disk_max_stream_bytes":   size("Greatest size of one stream on disk. Without it, there is no limit."),
		"memory_max_stream_bytes": size("Greatest size of one stream in memory. Without it, there is no limit."),
		"max_bytes_required":      flag("Refuse streams without a limit of their own. KINE's has none: k3s does not start in such an account."),
	}
	attributes := maps.Clone(limits)
	attributes["tiers"] = schema.MapNestedAttribute{
		MarkdownDescription: "Limits by the number of replicas, `R1` for streams with one and `R3` for those with three, in place of those for " +
			"all streams. Streams with another number of replicas cannot be made then.",
		Optional: true, Validators: []validator.Map{mapvalidator.SizeAtLeast(1), mapvalidator.NoNullValues()},
		NestedObject: schema.NestedAttributeObject{Attributes: limits},
	}
	return schema.SingleNestedAttribute{
		MarkdownDescription: "JetStream for the account, within these limits, which hold for all streams together or by `tiers`. Without it, the account " +
			"has no JetStream; it cannot be taken away while there are streams. When limits for all streams give way to tiers, the account's " +
			"streams are updated without a change, without which they would refuse writes. The other way round is refused while there are streams: nats-server would take no writes on them " +
			"until it is restarted.",
		Optional: true, Attributes: attributes,
	}
}

func exportsAttribute() schema.ListNestedAttribute {
	return schema.ListNestedAttribute{
		MarkdownDescription: "Subjects that other accounts may import.",
		Optional:            true,
		NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
			"name":    text("Name, for people."),
			"subject": schema.StringAttribute{MarkdownDescription: "Subject, which may have wildcards.", Required: true},
			"type":    kind(),
			"token_required": flag("Keep the export private: an account can import it only with an activation token, as `nats_activation` makes " +
				"one."),
			"revocations": revocations("Accounts whose activation tokens are refused, by their public key or `*` for all: those that were issued up to " +
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
			"advertise":   flag("Note for tools that the export may be shown to others."),
			"allow_trace": flag("Let message traces into a service."),
			"description": text("What the export is for."),
			"info_url":    text("Address of further information, an absolute URL."),
		}},
	}
}

func importsAttribute() schema.ListNestedAttribute {
	return schema.ListNestedAttribute{
		MarkdownDescription: "Subjects of other accounts.",
		Optional:            true,
		NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
			"name":          text("Name, for people."),
			"account":       schema.StringAttribute{MarkdownDescription: "Public key of the exporting account.", Required: true},
			"subject":       schema.StringAttribute{MarkdownDescription: "Subject in the exporting account.", Required: true},
			"type":          kind(),
			"token":         text("Activation token, for a private export: `jwt` of a `nats_activation`."),
			"local_subject": text("Subject in this account, if not the same. `$1` in it stands for the first wildcard of `subject`."),
			"to":            text("Older form of `local_subject`, which NATS has deprecated: for accounts that have it already."),
			"share":         flag("Let the exporter of a service see who asks, for latency measurements."),
			"allow_trace":   flag("Let message traces into a stream."),
		}},
	}
}

func signingKeysAttribute() schema.ListNestedAttribute {
	return schema.ListNestedAttribute{
		MarkdownDescription: "Keys that sign the users and activations of the account.",
		Optional:            true,
		NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
			"public_key": schema.StringAttribute{MarkdownDescription: "Public half of the key, which starts with `A`.", Required: true},
			"scope": schema.SingleNestedAttribute{
				MarkdownDescription: "Role of the users that the key signs: they are what the template says, and nothing else. Without it, each user's JWT " +
					"says what it may do.",
				Optional: true,
				Attributes: map[string]schema.Attribute{
					"role":        schema.StringAttribute{MarkdownDescription: "Name of the role.", Required: true},
					"description": text("What the role is for."),
					"template": schema.SingleNestedAttribute{
						MarkdownDescription: "What the users may do. Without it, all.",
						Optional:            true, Attributes: claimattr.LimitAttributes(),
					},
				},
			},
		}},
	}
}

// notZero refuses a threshold that the claims leave out. What is negative or not a duration is told elsewhere.
var notZero = validators.String("a duration above zero", "Invalid Duration", func(text string) error {
	if d, err := time.ParseDuration(text); err == nil && d == 0 {
		return errors.New("leave it out for the server's two minutes")
	}
	return nil
})

// checkStorage refuses a size that says what leaving it out says, which a refresh could not tell apart.
func checkStorage(text string) error {
	if bytes, err := bytesize.Parse(text); err == nil && bytes == 0 {
		return errors.New("leave it out for none of that storage")
	}
	return nil
}
