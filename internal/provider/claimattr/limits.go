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

// PermissionsAttribute is an attribute with the subjects that may be published and subscribed to.
func PermissionsAttribute(description string) schema.SingleNestedAttribute {
	permission := func(description, allow string) schema.SingleNestedAttribute {
		return schema.SingleNestedAttribute{
			MarkdownDescription: description,
			Optional:            true,
			Attributes: map[string]schema.Attribute{
				"allow": schema.ListAttribute{
					MarkdownDescription: "Subjects that are allowed" + allow + ". Without any, all are that `deny` does not name.",
					Optional:            true, ElementType: types.StringType,
				},
				"deny": schema.ListAttribute{
					MarkdownDescription: "Subjects that are denied" + allow + ", also where `allow` names them.",
					Optional:            true, ElementType: types.StringType,
				},
			},
		}
	}
	return schema.SingleNestedAttribute{
		MarkdownDescription: description,
		Optional:            true,
		Attributes: map[string]schema.Attribute{
			"publish":   permission("What may be published to.", ""),
			"subscribe": permission("What may be subscribed to.", ", with a queue group behind a space if it is for that alone"),
			"allow_responses": schema.SingleNestedAttribute{
				MarkdownDescription: "Lets the user answer each request that it receives, on whatever subject the answer is asked for.",
				Optional:            true,
				Attributes: map[string]schema.Attribute{
					"max_messages": schema.Int64Attribute{
						MarkdownDescription: "Number of messages in answer to one request; `-1` is no limit, `0` the server's default, one.",
						Required:            true, Validators: []validator.Int64{int64validator.Between(-1, math.MaxInt32)},
					},
					"expires": schema.StringAttribute{
						MarkdownDescription: "How long a request may be answered, such as `1m`. Defaults to the server's two minutes.",
						Optional:            true, CustomType: customtype.DurationType{}, Validators: []validator.String{validators.PositiveDuration()},
					},
				},
			},
		},
	}
}

// LimitAttributes are the attributes that limit a user: in an account's default permissions, in the template of a scoped signing key,
// and in a user itself.
func LimitAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"permissions": PermissionsAttribute("Subjects that may be published and subscribed to. Without it, those of the account's `default_permissions`."),
		"subscriptions": schema.Int64Attribute{
			MarkdownDescription: "Greatest number of subscriptions. Without it, there is no limit.",
			Optional:            true,
		},
		"data": schema.StringAttribute{
			MarkdownDescription: "Greatest number of bytes, such as `1GiB`. nats-server does not enforce it. Without it, there is no limit.",
			Optional:            true, CustomType: customtype.ByteSizeType{},
		},
		"payload": schema.StringAttribute{
			MarkdownDescription: "Greatest size of a message, such as `1MiB`. Without it, there is no limit but the server's.",
			Optional:            true, CustomType: customtype.ByteSizeType{},
		},
		"source_networks": schema.ListAttribute{
			MarkdownDescription: "Networks that connections may come from, such as `192.0.2.0/24`. Without any, all.",
			Optional:            true, ElementType: types.StringType,
		},
		"times": schema.ListNestedAttribute{
			MarkdownDescription: "Times of the day at which connections are allowed. Without any, always.",
			Optional:            true,
			NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
				"start": schema.StringAttribute{MarkdownDescription: "Begin, such as `08:00:00`.", Required: true},
				"end":   schema.StringAttribute{MarkdownDescription: "End, such as `18:00:00`.", Required: true},
			}},
		},
		"times_location": schema.StringAttribute{
			MarkdownDescription: "Time zone of `times`, such as `Europe/Berlin`. Without it, that of the server.",
			Optional:            true,
		},
		"bearer_token": schema.BoolAttribute{
			MarkdownDescription: "Let whoever has the JWT connect, without the seed. Defaults to `false`.",
			Optional:            true,
		},
		"proxy_required": schema.BoolAttribute{
			MarkdownDescription: "Refuse connections that do not come by way of a trusted proxy. Defaults to `false`.",
			Optional:            true,
		},
		"connection_types": schema.ListAttribute{
			MarkdownDescription: "Kinds of connections that are allowed: `STANDARD`, `WEBSOCKET`, `LEAFNODE`, `LEAFNODE_WS`, `MQTT`, `MQTT_WS`, " +
				"`IN_PROCESS`. Without any, all.",
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
		p.Responses = &claims.Responses{MaxMessages: int(responses.Int("max_messages")), Expires: responses.Duration("expires")}
	}
	return p
}

// PermissionFields is the reverse of [Permissions], nil if there are none.
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
		BearerToken: o.Bool("bearer_token"), ProxyRequired: o.Bool("proxy_required"), ConnectionTypes: o.Texts("connection_types"),
	}
	for _, times := range o.Objects("times") {
		u.Times = append(u.Times, claims.TimeRange{Start: times.Text("start"), End: times.Text("end")})
	}
	return u
}

// LimitFields is the reverse of [Limits].
func LimitFields(u claims.UserLimits) attribute.Fields {
	var times []attribute.Fields
	for _, t := range u.Times {
		times = append(times, attribute.Fields{"start": t.Start, "end": t.End})
	}
	return attribute.Fields{
		"permissions": PermissionFields(u.Permissions), "subscriptions": u.Subscriptions, "data": u.Data, "payload": u.Payload,
		"source_networks": u.SourceNetworks, "times": times, "times_location": u.TimesLocation,
		"bearer_token": u.BearerToken, "proxy_required": u.ProxyRequired, "connection_types": u.ConnectionTypes,
	}
}
