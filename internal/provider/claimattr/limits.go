package claimattr

import (
	"math"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/attribute"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/customtype"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/validators"
)

// PermissionsAttribute returns an attribute for permissions to publish and subscribe.
func PermissionsAttribute(description string) schema.SingleNestedAttribute {
	permission := func(description, allow string) schema.SingleNestedAttribute {
		return schema.SingleNestedAttribute{
			MarkdownDescription: description,
			Optional:            true,
			Attributes: map[string]schema.Attribute{
				"allow": schema.ListAttribute{
					MarkdownDescription: "Subjects that are allowed" + allow + ". Defaults to all subjects that are not in `deny`.",
					Optional:            true, ElementType: types.StringType,
				},
				"deny": schema.ListAttribute{
					MarkdownDescription: "Subjects that are denied" + allow + ". Takes precedence over `allow`.",
					Optional:            true, ElementType: types.StringType,
				},
			},
		}
	}
	return schema.SingleNestedAttribute{
		MarkdownDescription: description,
		Optional:            true,
		Attributes: map[string]schema.Attribute{
			"publish": permission("Subjects that clients may publish to.", ""),
			"subscribe": permission("Subjects that clients may subscribe to.",
				", optionally followed by a space and a queue group"),
			"allow_responses": schema.SingleNestedAttribute{
				MarkdownDescription: "Permission to answer each received request on its reply subject.",
				Optional:            true,
				Attributes: map[string]schema.Attribute{
					"max_messages": schema.Int64Attribute{
						MarkdownDescription: "Maximum number of responses per request. `-1` is no limit, and `0` is " +
							"the server's default of one.",
						Required: true, Validators: []validator.Int64{int64validator.Between(-1, math.MaxInt32)},
					},
					"expires": schema.StringAttribute{
						MarkdownDescription: "Maximum time to respond to a request, such as `1m`. Defaults to the " +
							"server's two minutes.",
						Optional: true, CustomType: customtype.DurationType{},
						Validators: []validator.String{validators.PositiveDuration()},
					},
				},
			},
		},
	}
}

// LimitAttributes returns the attributes with permissions and limits of a user. The template of a scoped signing key
// and a user have them.
func LimitAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"permissions": PermissionsAttribute("Subjects that the user may publish and subscribe to. Defaults to the " +
			"account's `default_permissions`."),
		"subscriptions": schema.Int64Attribute{
			MarkdownDescription: "Maximum number of subscriptions. Defaults to no limit.",
			Optional:            true,
		},
		"data": schema.StringAttribute{
			MarkdownDescription: "Maximum number of bytes, such as `1GiB`. nats-server does not enforce it. " +
				"Defaults to no limit.",
			Optional: true, CustomType: customtype.ByteSizeType{},
		},
		"payload": schema.StringAttribute{
			MarkdownDescription: "Maximum size of a message, such as `1MiB`. Defaults to the server's limit.",
			Optional:            true, CustomType: customtype.ByteSizeType{},
		},
		"source_networks": schema.ListAttribute{
			MarkdownDescription: "Networks from which connections are allowed, such as `192.0.2.0/24`. Defaults to " +
				"all networks.",
			Optional: true, ElementType: types.StringType,
		},
		"times": schema.ListNestedAttribute{
			MarkdownDescription: "Times of day at which connections are allowed. Defaults to all day.",
			Optional:            true,
			NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
				"start": schema.StringAttribute{MarkdownDescription: "Start of the time range, such as `08:00:00`.",
					Required: true},
				"end": schema.StringAttribute{MarkdownDescription: "End of the time range, such as `18:00:00`.",
					Required: true},
			}},
		},
		"times_location": schema.StringAttribute{
			MarkdownDescription: "Time zone of `times`, such as `Europe/Berlin`. Defaults to the server's time zone.",
			Optional:            true,
		},
		"bearer_token": schema.BoolAttribute{
			MarkdownDescription: "Whether the JWT alone is enough to connect, without the seed. Defaults to `false`.",
			Optional:            true,
		},
		"proxy_required": schema.BoolAttribute{
			MarkdownDescription: "Whether to refuse connections that do not come through a trusted proxy. Defaults " +
				"to `false`.",
			Optional: true,
		},
		"connection_types": schema.ListAttribute{
			MarkdownDescription: "Allowed types of connections: `STANDARD`, `WEBSOCKET`, `LEAFNODE`, `LEAFNODE_WS`, " +
				"`MQTT`, `MQTT_WS`, `IN_PROCESS`. Defaults to all types.",

			Optional: true, ElementType: types.StringType,
		},
	}
}

// Permissions reads what [PermissionsAttribute] describes.
func Permissions(o attribute.Object) claims.Permissions {
	permission := func(o attribute.Object) claims.Permission {
		return claims.Permission{Allow: o.Texts("allow"), Deny: o.Texts("deny")}
	}
	p := claims.Permissions{Publish: permission(o.Object("publish")), Subscribe: permission(o.Object("subscribe"))}
	if responses := o.Object("allow_responses"); !responses.IsNull() {
		p.Responses = &claims.Responses{MaxMessages: int(responses.Int("max_messages")),
			Expires: responses.Duration("expires")}
	}
	return p
}

// PermissionFields is the inverse of [Permissions]. It returns nil if there are no permissions.
func PermissionFields(p claims.Permissions) attribute.Fields {
	permission := func(p claims.Permission) attribute.Fields {
		return attribute.Fields{"allow": p.Allow, "deny": p.Deny}.OrNil()
	}
	fields := attribute.Fields{"publish": permission(p.Publish), "subscribe": permission(p.Subscribe)}
	if p.Responses != nil {
		fields["allow_responses"] = attribute.Fields{"max_messages": p.Responses.MaxMessages, "expires": p.Responses.Expires}
	}
	return fields.OrNil()
}

// Limits reads what [LimitAttributes] describes.
func Limits(o attribute.Object) claims.UserLimits {
	u := claims.UserLimits{
		Permissions:   Permissions(o.Object("permissions")),
		Subscriptions: o.Number("subscriptions"), Data: o.Bytes("data"), Payload: o.Bytes("payload"),
		SourceNetworks: o.Texts("source_networks"), TimesLocation: o.Text("times_location"),
		BearerToken: o.Bool("bearer_token"), ProxyRequired: o.Bool("proxy_required"),
		ConnectionTypes: o.Texts("connection_types"),
	}
	for _, times := range o.Objects("times") {
		u.Times = append(u.Times, claims.TimeRange{Start: times.Text("start"), End: times.Text("end")})
	}
	return u
}

// LimitFields is the inverse of [Limits].
func LimitFields(u claims.UserLimits) attribute.Fields {
	var times []attribute.Fields
	for _, t := range u.Times {
		times = append(times, attribute.Fields{"start": t.Start, "end": t.End})
	}
	return attribute.Fields{
		"permissions": PermissionFields(u.Permissions), "subscriptions": u.Subscriptions, "data": u.Data,
		"payload":         u.Payload,
		"source_networks": u.SourceNetworks, "times": times, "times_location": u.TimesLocation,
		"bearer_token": u.BearerToken, "proxy_required": u.ProxyRequired, "connection_types": u.ConnectionTypes,
	}
}
