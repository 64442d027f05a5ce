# Buckets on edge sites, mirrored at the hub. Each site is a leaf node with its own JetStream domain. Its k3s uses the
# bucket at the site, with or without a connection to the hub. One provider block, connected to the hub, manages all
# sites.
terraform {
  required_version = ">= 1.11"

  required_providers {
    nats = {
      source = "nats-k3s/nats"
    }
  }
}

variable "servers" {
  description = "URLs of the hub's servers."
  type        = list(string)
  default     = ["nats://nats-1.example.com:4222"]
}

variable "sites" {
  description = "JetStream domain of each site, by cluster name."
  type        = map(string)
  default = {
    "edge-001" = "site-001"
    "edge-002" = "site-002"
    "edge-003" = "site-003"
  }
}

variable "replicas" {
  description = "Number of servers at the hub that store each mirror."
  type        = number
  default     = 3
}

variable "deletion_protection" {
  description = "Protect the buckets and mirrors from being destroyed."
  type        = bool
  default     = true
}

# An unreachable site does not block the plan. The provider keeps the last known state of the site.
provider "nats" {
  servers          = var.servers
  jetstream_domain = "hub"
  unreachable      = "warn"
}

resource "nats_kine_bucket" "site" {
  for_each = var.sites

  name                = each.key
  jetstream_domain    = each.value
  deletion_protection = var.deletion_protection
}

resource "nats_kv_mirror" "site" {
  for_each = var.sites

  replicas            = var.replicas
  deletion_protection = var.deletion_protection

  source = {
    bucket           = nats_kine_bucket.site[each.key].name
    jetstream_domain = nats_kine_bucket.site[each.key].jetstream_domain
  }
}

# Each k3s connects to the leaf node on its own site.
resource "nats_k3s_datastore_endpoint" "site" {
  for_each = var.sites

  servers   = ["nats://127.0.0.1:4222"]
  datastore = nats_kine_bucket.site[each.key].datastore
  verify    = "none" # on this machine, the address is a different server
}

output "k3s_config" {
  value     = { for site, endpoint in nats_k3s_datastore_endpoint.site : site => endpoint.k3s_config }
  sensitive = true
}
