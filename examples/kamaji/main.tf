# Kamaji builds the endpoint of each tenant from its DataStore: the first server, a user with a password, and the
# bucket <namespace>_<name> with KINE's default history and replicas. KINE refuses the bucket that Kamaji would create.
# Kamaji uses an existing bucket, so create it here and verify the same endpoint.

terraform {
  required_version = ">= 1.11"

  required_providers {
    nats = {
      source = "nats-k3s/nats"
    }
  }
}

variable "nats_password" {
  description = "Password of the user kamaji. Only letters, digits and -_.~$&+;= are allowed."
  type        = string
  sensitive   = true
}

locals {
  server    = "nats-1.example.com:4222"
  namespace = "tenants"
}

resource "nats_kine_bucket" "tenant" {
  for_each = toset(["blue", "green"])

  name = "${local.namespace}_${each.key}"

  # Kamaji's endpoint cannot set these, so they must have KINE's defaults.
  history  = 10
  replicas = 1
}

resource "nats_k3s_datastore_endpoint" "tenant" {
  for_each = nats_kine_bucket.tenant

  servers   = ["nats://${local.server}"]
  datastore = each.value.datastore
  user      = "kamaji"
  password  = var.nats_password
  verify    = "etcd"
}

output "datastore" {
  value = yamlencode({
    apiVersion = "kamaji.clastix.io/v1alpha1"
    kind       = "DataStore"
    metadata   = { name = "nats" }
    spec = {
      driver    = "NATS"
      endpoints = [local.server]
      basicAuth = {
        username = { content = base64encode("kamaji") }
        password = { content = base64encode(var.nats_password) }
      }
    }
  })
  sensitive = true
}
