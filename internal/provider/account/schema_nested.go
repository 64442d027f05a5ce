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
	const storage = " such as `10GiB`, or `-1` for no limit. Defaults to no storage of this type."
	someStorage := validators.String("a size above zero, or -1 for no limit", "Invalid Storage Limit", checkStorage)
	limits := map[string]schema.Attribute{
		"disk_storage":            size("Maximum size of all streams on disk,"+storage, someStorage),
		"memory_storage":          size("Maximum size of all streams in memory,"+storage, someStorage),
		"streams":                 limit("Maximum number of streams."),
		"consumers":               limit("Maximum number of consumers."),
		"max_ack_pending":         limit("Maximum number of messages without an acknowledgement per consumer."),
		"disk_max_stream_bytes":   size("Maximum size of one stream on disk. Defaults to no limit."),
		"memory_max_stream_bytes": size("Maximum size of one stream in memory. Defaults to no limit."),
		"max_bytes_required": claimattr.OptionalFlag("Whether to refuse streams without a maximum size. KINE's stream does " +
			"not have one, so k3s does not start in such an account."),
	}
	attributes := maps.Clone(limits)
	attributes["tiers"] = schema.MapNestedAttribute{
		MarkdownDescription: "Limits by number of replicas, instead of limits for all streams: `R1` for streams " +
			"with one replica, `R3` for streams with three. Streams with a number of replicas that has no tier " +
			"cannot be created.",
		Optional: true, Validators: []validator.Map{mapvalidator.SizeAtLeast(1), mapvalidator.NoNullValues()},
		NestedObject: schema.NestedAttributeObject{Attributes: limits},
	}
	return schema.SingleNestedAttribute{
		MarkdownDescription: "JetStream limits, either for all streams together or by `tiers`. If not set, the " +
			"account does not have JetStream. It cannot be removed while the account has streams. After a change " +
			"from limits for all streams to tiers, the provider updates the account's streams without changes, " +
			"because they would refuse writes otherwise. A change from tiers to limits for all streams is refused " +
			"while the account has streams: nats-server would refuse writes to them until it is restarted.",
		Optional: true, Attributes: attributes,
	}
}

func signingKeysAttribute() schema.ListNestedAttribute {
	return schema.ListNestedAttribute{
		MarkdownDescription: "Signing keys of the account, which sign its users and activations.",
		Optional:            true,
		NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
			"public_key": schema.StringAttribute{MarkdownDescription: "Public key of the signing key, which starts with `A`.",
				Required: true},
			"scope": schema.SingleNestedAttribute{
				MarkdownDescription: "Role of the users that the key signs. Their permissions and limits are " +
					"exactly those of the template. Without a scope, each user's JWT contains its permissions and " +
					"limits.",
				Optional: true,
				Attributes: map[string]schema.Attribute{
					"role":        schema.StringAttribute{MarkdownDescription: "Name of the role.", Required: true},
					"description": claimattr.OptionalText("Purpose of the role."),
					"template": schema.SingleNestedAttribute{
						MarkdownDescription: "Permissions and limits of the users. Defaults to no restrictions.",
						Optional:            true, Attributes: claimattr.LimitAttributes(),
					},
				},
			},
		}},
	}
}

// checkStorage refuses zero, because a refresh cannot distinguish it from storage that is not set.
func checkStorage(text string) error {
	if bytes, err := bytesize.Parse(text); err == nil && bytes == 0 {
		return errors.New("leave it out for an account without this storage")
	}
	return nil
}
