# The server in a second region. Copy this file into the directory of examples/tenant. The server is a leaf node of the
# first region, and its clients and streams belong to the tenant's account.

variable "hub_leafnodes" {
  description = "URL where the server in the first region accepts leaf nodes."
  type        = string
  default     = "nats://nats-1.example.com:7422"
}

variable "leaf_listen" {
  description = "Address for clients in the second region. They need no credentials, so restrict access to it."
  type        = string
  default     = "127.0.0.1:4222"
}

variable "leaf_dir" {
  description = "Absolute path of the directory with leaf.creds and the data, on the server in the second region."
  type        = string
  default     = "/var/lib/nats"
}

# The server connects as this user. Its credentials are valid only for leaf node connections.
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
  description = "Configuration of the server in the second region: nats-server -c leaf.conf"
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
