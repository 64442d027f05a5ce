# From nothing to an operator: its keys, its system account, the configuration of the first server, and the three secrets that the
# provider needs to make tenants on that server. It connects nowhere, so one apply is all that it takes; examples/tenant goes on from here.
terraform {
  required_version = ">= 1.11"

  required_providers {
    nats = {
      source = "nats-k3s/nats"
    }
  }
}

variable "listen" {
  description = "Address that clients connect to."
  type        = string
  default     = "127.0.0.1:4222"
}

variable "data_dir" {
  description = "Absolute path of the directory in which the server keeps its data."
  type        = string
  default     = "/var/lib/nats"
}

# Nothing is configured: keys and JWTs are made offline.
provider "nats" {}

# The operator's identity signs the operator and nothing else. Keep it offline once this is more than a trial.
resource "nats_nkey" "operator" {
  type = "operator"
}

# This one signs accounts.
resource "nats_nkey" "operator_signing" {
  type = "operator"
}

# This one signs the users of the system account.
resource "nats_nkey" "system_signing" {
  type = "account"
}

# The provider works inside the accounts of tenants with this one. Every nats_account that it manages gets the public half.
resource "nats_nkey" "accounts" {
  type = "account"
}

resource "nats_operator" "edge" {
  name            = "edge"
  seed_wo         = nats_nkey.operator.seed
  seed_wo_version = nats_nkey.operator.public_key
  signing_keys    = [nats_nkey.operator_signing.public_key]
  system_account  = { signing_keys = [nats_nkey.system_signing.public_key] }
}

# The provider pushes accounts as this user. Revoking it would cut the connection over which that is done.
resource "nats_user" "system" {
  account             = nats_operator.edge.system_account.public_key
  name                = "terraform"
  signing_key_seed_wo = nats_nkey.system_signing.seed
  revoke_on_destroy   = false
}

data "nats_server_config" "first" {
  server_name    = "nats-1"
  listen         = var.listen
  operator       = nats_operator.edge.jwt
  system_account = nats_operator.edge.system_account.public_key

  # The domain tells this server's JetStream from that of a leaf node in a second region.
  jetstream = { store_dir = "${var.data_dir}/jetstream", domain = "hub" }

  resolver = {
    type         = "full"
    dir          = "${var.data_dir}/accounts"
    allow_delete = true
    preload      = { (nats_operator.edge.system_account.public_key) = nats_operator.edge.system_account_jwt }
  }
}

output "nats_server_conf" {
  description = "Start the first server with this: nats-server -c nats-server.conf"
  value       = data.nats_server_config.first.config
}

output "operator_signing_key" {
  description = "Seed that signs accounts: operator.signing_key of the provider, or NATS_OPERATOR_SIGNING_KEY."
  value       = nats_nkey.operator_signing.seed
  sensitive   = true
}

output "system_credentials" {
  description = "Content of a credentials file: operator.system_credentials of the provider, or the file that NATS_SYSTEM_CREDS names."
  value       = nats_user.system.credentials
  sensitive   = true
}

output "account_signing_key" {
  description = "Seed that the provider works in accounts with: accounts.signing_key, or NATS_ACCOUNT_SIGNING_KEY."
  value       = nats_nkey.accounts.seed
  sensitive   = true
}
