package server

import (
	"context"
	"maps"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/nats-k3s/terraform-provider-nats/internal/provider/customtype"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/validators"
	"github.com/nats-k3s/terraform-provider-nats/internal/serverconf"
)

func (configDataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Renders a nats-server configuration file from typed attributes, and checks it with " +
			"nats-server's own code before any server uses it. It makes no connection. Paths refer to the machine " +
			"of the server and need not exist locally. The configuration contains no users or passwords: without " +
			"`operator`, anyone who can reach the server can use it.\n\n" +
			"Names, addresses, routes, tags and paths can come from the environment of the server: a value such as " +
			"`$POD_NAME` is rendered without quotes, and nats-server expands it when it starts. The variable must " +
			"be the whole value, because nats-server expands nothing inside strings. The expanded value is not " +
			"checked.\n\n" +
			"For settings without an attribute, such as `leafnodes`, write a separate file that loads this one with " +
			"`include`. Do not set the same key in both: the later value replaces the earlier one completely. A " +
			"second `jetstream` or `cluster` block replaces all of the first, so write such a block in only one of " +
			"the files.",
		Attributes: map[string]schema.Attribute{
			"listen": text("Address on which the server listens for clients: `host:port`, or only a port for all " +
				"interfaces. Defaults to `" + serverconf.DefaultListen + "`."),
			"client_advertise": text("Address that the server advertises to clients, if it differs from `listen`: a " +
				"host, optionally with a port."),
			"http": text("Address of the monitoring endpoint: `host:port`, or only a port. Defaults to " +
				"no monitoring endpoint."),
			"server_name": text("Name of the server. With JetStream in a cluster, each server needs a name " +
				"that stays the same across restarts."),
			"tags": texts("Tags for the placement of streams, such as `region:eu`. They are not " +
				"case-sensitive."),
			"max_payload": bytes("Maximum size of a message, such as `2MiB`. At most `64MiB`. Defaults to " +
				"`1MiB`."),
			"max_control_line": bytes("Maximum length of a protocol line, such as `16KiB`. It limits the `CONNECT` " +
				"line of a client, which contains its JWT: raise it for users with long JWTs. Defaults to `4KiB`."),
			"max_connections": number("Maximum number of client connections. Defaults to 65536."),
			"write_deadline": duration("Maximum time that a write to a client can block, such as `10s`. Defaults " +
				"to `10s`."),
			"debug":    flag("Whether to log debug messages. Defaults to `false`."),
			"trace":    flag("Whether to log every protocol message. Defaults to `false`."),
			"log_file": text("Absolute path of the log file. Defaults to standard error."),
			"pid_file": text("Absolute path of the file to which the server writes its process ID."),
			"jetstream": nested("Enables JetStream.", map[string]schema.Attribute{
				"store_dir": required(text("Absolute path of the directory for streams.")),
				"domain":    text("JetStream domain."),
				"max_memory_store": bytes("Maximum memory for streams, such as `1GiB`. `0` disables memory storage. " +
					"Defaults to three quarters of the memory of the machine."),
				"max_file_store": bytes("Maximum disk space for streams, such as `100GiB`. Defaults to the space that " +
					"is free when the server starts."),
				"sync_interval": text("How often writes are synced to disk: `always`, or a duration. Defaults to `2m`. " +
					"A machine that loses power loses all writes since the last sync, except those that other replicas " +
					"have."),
				"unique_tag": text("Tag prefix, such as `az:`. The replicas of a stream are placed on servers that have " +
					"different tags with this prefix."),
				"limits": nested("Limits for client requests.", map[string]schema.Attribute{
					"max_ack_pending": number("Maximum number of unacknowledged messages per consumer. `-1` is no " +
						"limit."),
					"default_max_consumers": number("Maximum number of consumers per stream, if neither the stream nor " +
						"its account sets a limit. `-1` is no limit. Defaults to 1000. KINE creates a consumer for each " +
						"watch and leaves it to the server, which removes it minutes later. A busy k3s reaches the " +
						"default, and its watches then fail."),
					"max_ha_assets":     number("Maximum number of replicated streams and consumers per server."),
					"max_request_batch": number("Maximum number of messages in a pull request."),
					"duplicate_window": duration("Maximum duplicate window of a stream. Buckets have a window of two " +
						"minutes and cannot be created with a lower limit."),
				}),
			}),
			"tls": nested("TLS for client connections. The files must exist on the server.",
				tlsAttributes(map[string]schema.Attribute{
					"ca_file": text("Absolute path of the PEM file with the certificate authorities that sign client " +
						"certificates. Required with `verify`."),
					"verify": flag("Whether to require a client certificate. Defaults to `false`."),
					"handshake_first": text("Whether to start TLS before the server sends its `INFO` message: `true`, " +
						"`false`, `auto` for clients that start it immediately, or how long to wait for such clients. " +
						"Defaults to `false`."),
				})),
			"cluster": nested("Makes the server a member of a cluster.", map[string]schema.Attribute{
				"name": required(text("Name of the cluster. It must be the same on all servers of the cluster.")),
				"listen": required(text("Address on which the server listens for other servers: `host:port`, or only " +
					"a port.")),
				"advertise": text("Address that the server advertises to other servers, if it differs from `listen`: a " +
					"host, optionally with a port."),
				"routes": texts("URLs of the servers of the cluster, as `nats://host:port` with their cluster port. " +
					"They can include the server itself, so that all servers can have the same list."),
				"tls": nested("Mutual TLS between the servers of the cluster. The certificates must be valid for "+
					"servers and for clients. Without it, anyone who can reach the port can join the cluster.",
					tlsAttributes(map[string]schema.Attribute{
						"ca_file": required(text("Absolute path of the PEM file with the certificate authorities that sign the " +
							"certificates of the servers.")),
					})),
			}),
			"operator": text("JWT of the operator, or the content of its `.jwt` file. It enables operator mode: the " +
				"server gets accounts from `resolver`, and users present JWTs that their accounts have signed."),
			"system_account": text("Public key of the system account, through which accounts are pushed. Defaults " +
				"to the system account in the operator's JWT."),
			"resolver": nested("Resolver from which the server gets accounts in operator mode.",
				map[string]schema.Attribute{
					"type": required(text("Type of the resolver. `full` stores all accounts and accepts pushed ones. " +
						"`cache` stores recently used accounts, and gets them from servers with a full resolver. `memory` " +
						"has only the accounts in `preload` and accepts no pushed ones.")),
					"dir": text("Absolute path of the directory for accounts, for `full` and `cache`."),
					"allow_delete": flag("Whether the operator can delete accounts, for `full`. A destroy of a " +
						"`nats_account` requires it. Defaults to `false`."),
					"interval": duration("How often servers compare their accounts, for `full`. Defaults to `1m`."),
					"limit": number("Maximum number of stored accounts. Defaults to no limit for `full`, and to 1000 for " +
						"`cache`."),
					"ttl": duration("How long an account is stored, for `cache`. Defaults to the expiry of the " +
						"account."),
					"timeout": duration("How long to wait for an account from other servers. Defaults to `1.9s`."),
					"preload": schema.MapAttribute{
						MarkdownDescription: "Accounts that the server has when it starts: a map from an account's " +
							"public key to its JWT or the content of its `.jwt` file. Include the system account. " +
							"Otherwise only users that its identity key has signed can use it.",
						Optional: true, ElementType: types.StringType,
					},
				}),
			"config": schema.StringAttribute{
				MarkdownDescription: "Content of the configuration file.",
				Computed:            true,
			},
		},
	}
}

// tlsAttributes returns the TLS attributes that clients and clusters share, and the given ones.
func tlsAttributes(more map[string]schema.Attribute) map[string]schema.Attribute {
	attributes := map[string]schema.Attribute{
		"cert_file":   required(text("Absolute path of the PEM file with the server's certificate.")),
		"key_file":    required(text("Absolute path of the PEM file with the certificate's key.")),
		"min_version": text("Minimum TLS version, `1.2` or `1.3`. Defaults to `1.2`."),
		"timeout":     duration("Maximum time for a TLS handshake, such as `5s`. Defaults to `2s`."),
	}
	maps.Copy(attributes, more)
	return attributes
}

// text returns an optional string that cannot be empty: an empty variable must not be treated as unset.
func text(description string) schema.StringAttribute {
	return schema.StringAttribute{
		MarkdownDescription: description, Optional: true, Validators: []validator.String{stringvalidator.LengthAtLeast(1)},
	}
}

func required(a schema.StringAttribute) schema.StringAttribute {
	a.Optional, a.Required = false, true
	return a
}

func duration(description string) schema.StringAttribute {
	return schema.StringAttribute{
		MarkdownDescription: description, Optional: true, Validators: []validator.String{validators.PositiveDuration()},
	}
}

func bytes(description string) schema.StringAttribute {
	return schema.StringAttribute{MarkdownDescription: description, Optional: true, CustomType: customtype.ByteSizeType{}}
}

func texts(description string) schema.ListAttribute {
	return schema.ListAttribute{MarkdownDescription: description, Optional: true, ElementType: types.StringType}
}

func number(description string) schema.Int64Attribute {
	return schema.Int64Attribute{MarkdownDescription: description, Optional: true}
}

func flag(description string) schema.BoolAttribute {
	return schema.BoolAttribute{MarkdownDescription: description, Optional: true}
}

func nested(description string, attributes map[string]schema.Attribute) schema.SingleNestedAttribute {
	return schema.SingleNestedAttribute{MarkdownDescription: description, Optional: true, Attributes: attributes}
}
