# Everything that a k3s cluster needs, in one apply: an isolated account, a bucket in it, a user with only the
# permissions that KINE needs, and an endpoint that is verified by running KINE as that user.
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
  description = "Seed of the account signing key that the provider uses (SA...). nats_nkey can create one."
  type        = string
  sensitive   = true
}

variable "deletion_protection" {
  description = "Protect the account and the bucket from being destroyed."
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
  deletion_protection = var.deletion_protection
}

resource "nats_kine_bucket" "berlin" {
  account             = nats_account.berlin.public_key
  deletion_protection = var.deletion_protection
}

# The provider signs the user with its own key, which it adds to the account.
resource "nats_user" "k3s" {
  account     = nats_account.berlin.public_key
  name        = "k3s-berlin"
  permissions = provider::nats::kine_permissions(nats_kine_bucket.berlin.name)
}

resource "nats_k3s_datastore_endpoint" "berlin" {
  servers          = var.servers
  datastore        = nats_kine_bucket.berlin.datastore
  credentials_file = "/etc/rancher/k3s/nats.creds"

  verify = "etcd"
  verification = {
    credentials_wo         = nats_user.k3s.credentials
    credentials_wo_version = nats_user.k3s.jwt_id
  }
}

# For /etc/rancher/k3s/nats.creds on the node.
output "credentials" {
  value     = nats_user.k3s.credentials
  sensitive = true
}

# For a file in /etc/rancher/k3s/config.yaml.d.
output "k3s_config" {
  value     = nats_k3s_datastore_endpoint.berlin.k3s_config
  sensitive = true
}
