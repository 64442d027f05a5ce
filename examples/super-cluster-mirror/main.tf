# A super-cluster is one JetStream domain, where a bucket and its mirror cannot be in the same account. The mirror in
# the other region is therefore in a separate account, which can only copy that bucket from the first account.
terraform {
  required_version = ">= 1.11"

  required_providers {
    nats = {
      source = "nats-k3s/nats"
    }
  }
}

variable "servers" {
  description = "URLs of NATS servers."
  type        = list(string)
  default     = ["nats://nats-1.example.com:4222", "nats://nats-2.example.com:4222"]
}

variable "account_signing_key" {
  description = "Seed of the account signing key that the provider uses (SA...)."
  type        = string
  sensitive   = true
}

variable "replicas" {
  description = "Number of servers that store the bucket, and the same number for the mirror."
  type        = number
  default     = 3
}

variable "deletion_protection" {
  description = "Protect the accounts, the bucket and the mirror from being destroyed."
  type        = bool
  default     = true
}

# The provider reads the operator's signing key and the system credentials from NATS_OPERATOR_SIGNING_KEY and
# NATS_SYSTEM_CREDS.
provider "nats" {
  servers  = var.servers
  accounts = { signing_key = var.account_signing_key }
}

resource "nats_account" "berlin" {
  name                = "berlin"
  jetstream           = { disk_storage = "10GiB", consumers = 100000 }
  exports             = provider::nats::kine_mirror_exports("kine")
  deletion_protection = var.deletion_protection
}

resource "nats_kine_bucket" "berlin" {
  account             = nats_account.berlin.public_key
  replicas            = var.replicas
  placement           = { cluster = "eu" }
  deletion_protection = var.deletion_protection
}

# The activations need the public key of the standby account, and the account needs the activations. Creating the
# identity key first breaks the cycle.
resource "nats_nkey" "standby" {
  type = "account"
}

resource "nats_activation" "mirror" {
  for_each = { for export in provider::nats::kine_mirror_exports("kine") : export.subject => export.type }

  account        = nats_account.berlin.public_key
  import_account = nats_nkey.standby.public_key
  subject        = replace(each.key, "*", nats_nkey.standby.public_key)
  type           = each.value
}

resource "nats_account" "standby" {
  name       = "berlin-standby"
  public_key = nats_nkey.standby.public_key
  jetstream  = { disk_storage = "10GiB", consumers = 100000 }
  imports = provider::nats::kine_mirror_imports("kine", nats_account.berlin.public_key, {
    for subject, activation in nats_activation.mirror : subject => activation.jwt
  })
  deletion_protection = var.deletion_protection
}

resource "nats_kv_mirror" "standby" {
  account             = nats_account.standby.public_key
  replicas            = var.replicas
  placement           = { cluster = "us" }
  deletion_protection = var.deletion_protection

  source = {
    bucket  = nats_kine_bucket.berlin.name
    account = nats_kine_bucket.berlin.account
  }
}
