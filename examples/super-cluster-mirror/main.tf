# A super-cluster is one JetStream domain, in which a bucket and its mirror cannot be in one account. So the mirror in the other region
# is in an account of its own, which may do nothing in the first one but copy that bucket.
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
  description = "Seed that the provider works in accounts with (SA...)."
  type        = string
  sensitive   = true
}

variable "replicas" {
  description = "Number of servers that hold the bucket, and of those that hold the mirror."
  type        = number
  default     = 3
}

variable "deletion_protection" {
  description = "Keep the accounts, the bucket and the mirror from being destroyed."
  type        = bool
  default     = true
}

# The operator's signing key and the system account's user come from NATS_OPERATOR_SIGNING_KEY and NATS_SYSTEM_CREDS.
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

# The activations name the account that they are for, and that account has them in its imports: so its identity is made first.
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
