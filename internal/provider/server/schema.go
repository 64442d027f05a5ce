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
		MarkdownDescription: "The text of a nats-server configuration file, made of typed attributes and checked by nats-server's own " +
			"code before any server sees it. Nothing is connected to, and paths are those of the machine that the server runs on: they " +
			"need not exist here. There are no users and passwords in it: without `operator`, everyone who reaches the server may use " +
			"it.\n\n" +
			"Names, addresses, routes, tags and paths can come from the environment of the server: the value `$POD_NAME` is written without quotes, so " +
			"that nats-server expands it when it starts. It has to be the whole value, since the server expands nothing inside of a text, and " +
			"what comes out of it is not checked here.\n\n" +
			"What is not among the attributes, such as `leafnodes`, goes into a file of your own that has this one in an `include`. Leave out " +
			"here what that file says: of a key that both have, the later one counts as a whole. A second `jetstream` or `cluster` block " +
			"replaces the first with all that is in it, so write such a block either here or there.",
		Attributes: map[string]schema.Attribute{
			"listen":           text("Where clients connect, as `host:port`, or as a port alone for all interfaces. Defaults to `" + serverconf.DefaultListen + "`."),
			"client_advertise": text("The host, with a port or not, that clients are told to find the server by, where that is not where it listens."),
			"http":             text("Where the server answers monitoring requests, as `host:port` or as a port alone. There is none by default."),
			"server_name":      text("Name of the server. With JetStream in a cluster each server needs one, which stays the same over restarts."),
			"tags":             texts("Tags that streams are placed by, such as `region:eu`. The server knows no case in them."),
			"max_payload":      bytes("Size of the largest message, such as `2MiB`, at most `64MiB`. Defaults to `1MiB`."),
			"max_control_line": bytes("Length of the longest line of the protocol, such as `16KiB`. Defaults to `4KiB`, which all that a client says when it " +
				"connects has to fit into: raise it for users whose JWTs are longer."),
			"max_connections": number("How many clients may be connected at a time. Defaults to 65536."),
			"write_deadline":  duration("How long a client may block what is written to it, such as `10s`, which is the default."),
			"debug":           flag("Log what helps with finding errors."),
			"trace":           flag("Log every message of the protocol."),
			"log_file":        text("Absolute path of the log file. Without one the log goes to standard error."),
			"pid_file":        text("Absolute path of the file that the server writes its process id to."),
			"jetstream": nested("Turns JetStream on.", map[string]schema.Attribute{
				"store_dir": required(text("Absolute path of the directory that streams are stored in.")),
				"domain":    text("The JetStream domain."),
				"max_memory_store": bytes("How much memory streams may take, such as `1GiB`; `0` is none. Defaults to three quarters of the " +
					"machine's."),
				"max_file_store": bytes("How much of the disk streams may take, such as `100GiB`. Defaults to what is free when the server starts."),
				"sync_interval": text("How often writes are synced to the disk: `always` with each of them, or a duration. Defaults to `2m`: a " +
					"machine that loses its power loses what came after the last sync, but for what other replicas have."),
				"unique_tag": text("Beginning of a tag, such as `az:`: the replicas of a stream are placed on servers of which each has " +
					"another such tag."),
				"limits": nested("Bounds of what clients may ask for.", map[string]schema.Attribute{
					"max_ack_pending": number("The most messages that a consumer may have waiting for acknowledgement; -1 is no limit."),
					"default_max_consumers": number("The most consumers of a stream where neither it nor its account says how many; -1 is no " +
						"limit. Defaults to 1000. KINE makes a consumer for each watch and leaves it to the server, which removes it minutes " +
						"later: a busy k3s reaches the default, and its watches then fail."),
					"max_ha_assets":     number("The most replicated streams and consumers on a server."),
					"max_request_batch": number("The most messages that a pull request may ask for."),
					"duplicate_window":  duration("The longest duplicate window of a stream. Buckets have one of two minutes, and cannot be made with less."),
				}),
			}),
			"tls": nested("How the server presents itself to clients. Its files are on the server.", tlsAttributes(map[string]schema.Attribute{
				"ca_file": text("Absolute path of the PEM file of the authorities that sign clients' certificates. Needed with `verify`."),
				"verify":  flag("Demand a certificate from clients."),
				"handshake_first": text("Start TLS before the server says anything: `true`, `false`, `auto` (for clients that begin it at once), " +
					"or how long to wait for such a client. Defaults to `false`."),
			})),
			"cluster": nested("Makes the server one of a cluster.", map[string]schema.Attribute{
				"name":      required(text("Name of the cluster, the same on each of its servers.")),
				"listen":    required(text("Where the other servers connect, as `host:port` or as a port alone.")),
				"advertise": text("The host, with a port or not, that other servers are told to find this one by, where that is not where it listens."),
				"routes": texts("Servers of the cluster, each `nats://host:port` with the port that it listens on for its cluster. The server " +
					"itself may be among them, so that all servers can have the same list."),
				"tls": nested("How servers of the cluster prove themselves to each other. Their certificates have to be for servers and for "+
					"clients. Without it, whoever reaches the port can join the cluster.", tlsAttributes(map[string]schema.Attribute{
					"ca_file": required(text("Absolute path of the PEM file of the authorities that sign the certificates of the cluster's servers.")),
				})),
			}),
			"operator": text("JWT of the operator, or the content of its `.jwt` file, which puts the server into operator mode: it knows accounts from `resolver`, and users by " +
				"what their accounts signed."),
			"system_account": text("Public key of the system account, through which accounts are pushed. Defaults to the one in the operator's JWT."),
			"resolver": nested("Where the server knows accounts from, in operator mode.", map[string]schema.Attribute{
				"type": required(text("`full` keeps all accounts and takes new ones. `cache` keeps those asked for lately, and gets them from " +
					"servers with a full resolver. `memory` knows those in `preload`, and no account can be pushed to it.")),
				"dir": text("Absolute path of the directory that accounts are kept in, for `full` and `cache`."),
				"allow_delete": flag("Let the operator delete accounts, for `full`. Without it no account can be deleted, which destroying a " +
					"`nats_account` does."),
				"interval": duration("How often servers compare their accounts, for `full`. Defaults to `1m`."),
				"limit":    number("The most accounts that are kept. There is no limit by default for `full`, and one of 1000 for `cache`."),
				"ttl":      duration("How long an account is kept, for `cache`. By default, until it expires."),
				"timeout":  duration("How long to wait for other servers to send an account. Defaults to `1.9s`."),
				"preload": schema.MapAttribute{
					MarkdownDescription: "JWTs of accounts, or the contents of their `.jwt` files, that the server knows from the start, by their public keys. The system account belongs " +
						"here, or its users can be no others than those that its identity key has signed.",
					Optional: true, ElementType: types.StringType,
				},
			}),
			"config": schema.StringAttribute{
				MarkdownDescription: "The text of the configuration file.",
				Computed:            true,
			},
		},
	}
}

// tlsAttributes are those that are the same for clients and clusters, and some more.
func tlsAttributes(more map[string]schema.Attribute) map[string]schema.Attribute {
	attributes := map[string]schema.Attribute{
		"cert_file":   required(text("Absolute path of the PEM file of the server's certificate.")),
		"key_file":    required(text("Absolute path of the PEM file of the certificate's key.")),
		"min_version": text("The oldest version of TLS, `1.2` or `1.3`. Defaults to `1.2`."),
		"timeout":     duration("How long a handshake may take, such as `5s`. Defaults to `2s`."),
	}
	maps.Copy(attributes, more)
	return attributes
}

// text is an optional text that is not empty: an empty variable must not count as one that is not there.
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
