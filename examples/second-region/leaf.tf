# The server of a second region, for the configuration in examples/tenant: copy this file into its directory. The server is a leaf node of
# the first region's servers, and what it has belongs to the tenant's account.

variable "hub_leafnodes" {
  description = "URL at which the first region's server accepts leaf nodes."
  type        = string
  default     = "nats://nats-1.example.com:7422"
}

variable "leaf_listen" {
  description = "Address that clients in the second region connect to. They need no credentials, so nobody else may reach it."
  type        = string
  default     = "127.0.0.1:4222"
}

variable "leaf_dir" {
  description = "Absolute path of the directory on the second region's server that has leaf.creds and the server's data."
  type        = string
  default     = "/var/lib/nats"
}

# The server connects as this user, whose credentials are good for a leaf node only.
resource "nats_user" "leaf" {
  account          = nats_account.berlin.public_key
  name             = "leaf"
  connection_types = ["LEAFNODE"]
}

data "nats_server_config" "leaf" {
  server_name = "leaf-1"
  listen      = var.leaf_listen
  jetstream   = { store_dir = "${var.leaf_dir}/jetstream", domain = "leaf" }
}

output "leaf_conf" {
  description = "Start the server of the second region with this: nats-server -c leaf.conf"
  value = join("\n", [
    data.nats_server_config.leaf.config,
    "leafnodes { remotes: [ { url: ${jsonencode(var.hub_leafnodes)}, credentials: ${jsonencode("${var.leaf_dir}/leaf.creds")} } ] }",
    "",
  ])
}

# For leaf.creds in leaf_dir.
output "leaf_credentials" {
  value     = nats_user.leaf.credentials
  sensitive = true
}
