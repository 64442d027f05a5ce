package account

import (
	"errors"
	"maps"

	"github.com/hashicorp/terraform-plugin-framework-validators/mapvalidator"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"

	"github.com/nats-k3s/terraform-provider-nats/internal/bytesize"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/claimattr"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/validators"
)

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
		"max_bytes_required":      claimattr.OptionalFlag("Refuse streams without a limit of their own. KINE's has none: k3s does not start in such an account."),
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
					"description": claimattr.OptionalText("What the role is for."),
					"template": schema.SingleNestedAttribute{
						MarkdownDescription: "What the users may do. Without it, all.",
						Optional:            true, Attributes: claimattr.LimitAttributes(),
					},
				},
			},
		}},
	}
}

// checkStorage refuses a size that says what leaving it out says, which a refresh could not tell apart.
func checkStorage(text string) error {
	if bytes, err := bytesize.Parse(text); err == nil && bytes == 0 {
		return errors.New("leave it out for none of that storage")
	}
	return nil
}
