# Many clusters from one provider block: each cluster is an entry in a map. The provider manages all of their accounts
# with one key, over at most 64 connections at a time.
terraform {
  required_version = ">= 1.11"

  required_providers {
    nats = {
      source = "nats-k3s/nats"
    }
  }
}

variable "servers" {
  description = "URLs of NATS servers that Terraform and k3s can reach."
  type        = list(string)
  default     = ["nats://nats-1.example.com:4222", "nats://nats-2.example.com:4222"]
}

variable "account_signing_key" {
  description = "Seed of the account signing key that the provider uses (SA...)."
  type        = string
  sensitive   = true
}

variable "clusters" {
  description = "Clusters by name. The servers must be able to reserve the sum of disk_storage."
  type = map(object({
    disk_storage = optional(string, "512MiB")
    history      = optional(number, 10)
  }))
  default = {
    "edge-001" = {}
    "edge-002" = {}
    "edge-003" = { disk_storage = "1GiB", history = 20 } # a busy cluster
  }
}

variable "deletion_protection" {
  description = "Protect the accounts and buckets from being destroyed."
  type        = bool
  default     = true
}

provider "nats" {
  servers  = var.servers
  accounts = { signing_key = var.account_signing_key }
}

resource "nats_account" "cluster" {
  for_each = var.clusters

  name                = each.key
  tags                = ["k3s"]
  jetstream           = { disk_storage = each.value.disk_storage, consumers = 100000 }
  deletion_protection = var.deletion_protection
}

# Each bucket is in its own account, so all buckets can have the same name.
resource "nats_kine_bucket" "cluster" {
  for_each = var.clusters

  account             = nats_account.cluster[each.key].public_key
  history             = each.value.history
  deletion_protection = var.deletion_protection
}

# Revoking a user takes a second. It is not needed here, because the account is destroyed with its users.
resource "nats_user" "k3s" {
  for_each = var.clusters

  account           = nats_account.cluster[each.key].public_key
  name              = "k3s-${each.key}"
  permissions       = provider::nats::kine_permissions(nats_kine_bucket.cluster[each.key].name)
  revoke_on_destroy = false
}

resource "nats_k3s_datastore_endpoint" "cluster" {
  for_each = var.clusters

  servers          = var.servers
  datastore        = nats_kine_bucket.cluster[each.key].datastore
  credentials_file = "/etc/rancher/k3s/nats.creds"

  verification = {
    credentials_wo         = nats_user.k3s[each.key].credentials
    credentials_wo_version = nats_user.k3s[each.key].jwt_id
  }
}

# For each node: the content of its credentials file, and of a file in /etc/rancher/k3s/config.yaml.d.
output "nodes" {
  value = {
    for name in keys(var.clusters) : name => {
      credentials = nats_user.k3s[name].credentials
      config      = nats_k3s_datastore_endpoint.cluster[name].k3s_config
    }
  }
  sensitive = true
}
