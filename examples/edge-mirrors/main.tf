# The buckets of a hundred edge sites, mirrored at the hub. Each site is a leaf node with a JetStream domain of its own, and its k3s works
# on the bucket there, with or without a connection. One provider block at the hub reaches all of them through it.
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
  description = "The JetStream domain of each site, by the name of its cluster."
  type        = map(string)
  default = {
    "edge-001" = "site-001"
    "edge-002" = "site-002"
    "edge-003" = "site-003"
  }
}

variable "replicas" {
  description = "Number of the hub's servers that hold each mirror."
  type        = number
  default     = 3
}

variable "deletion_protection" {
  description = "Keep buckets and mirrors from being destroyed."
  type        = bool
  default     = true
}

# A site that is away blocks nobody: what is known of it is kept.
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

# What each site's k3s is started with: it talks to the leaf node beside it.
resource "nats_k3s_datastore_endpoint" "site" {
  for_each = var.sites

  servers   = ["nats://127.0.0.1:4222"]
  datastore = nats_kine_bucket.site[each.key].datastore
  verify    = "none" # from here, that address is another server
}

output "k3s_config" {
  value     = { for site, endpoint in nats_k3s_datastore_endpoint.site : site => endpoint.k3s_config }
  sensitive = true
}
