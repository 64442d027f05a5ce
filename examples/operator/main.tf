# Creates an operator, its keys, its system account, the configuration of the first server, and the three secrets that
# the provider needs to create tenants on that server. It connects to no server, so a single apply is enough.
# examples/tenant continues from here.
terraform {
  required_version = ">= 1.11"

  required_providers {
    nats = {
      source = "nats-k3s/nats"
    }
  }
}

variable "listen" {
  description = "Address that the server listens on for clients."
  type        = string
  default     = "127.0.0.1:4222"
}

variable "data_dir" {
  description = "Absolute path of the data directory of the server."
  type        = string
  default     = "/var/lib/nats"
}

# The provider needs no configuration to create keys and JWTs offline.
provider "nats" {}

# The identity key signs only the operator. Keep it offline in production.
resource "nats_nkey" "operator" {
  type = "operator"
}

# Signs accounts.
resource "nats_nkey" "operator_signing" {
  type = "operator"
}

# Signs the users of the system account.
resource "nats_nkey" "system_signing" {
  type = "account"
}

# The provider uses this key inside the accounts of tenants. It adds the public key to every nats_account that it
# manages.
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

# The provider pushes accounts as this user. Revoking it would close the connection that the provider uses for the push.
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

  # The domain distinguishes the JetStream of this server from the JetStream of a leaf node in a second region.
  jetstream = { store_dir = "${var.data_dir}/jetstream", domain = "hub" }

  resolver = {
    type         = "full"
    dir          = "${var.data_dir}/accounts"
    allow_delete = true
    preload      = { (nats_operator.edge.system_account.public_key) = nats_operator.edge.system_account_jwt }
  }
}

output "nats_server_conf" {
  description = "Configuration of the first server: nats-server -c nats-server.conf"
  value       = data.nats_server_config.first.config
}

output "operator_signing_key" {
  description = "Seed that signs accounts, for operator.signing_key or NATS_OPERATOR_SIGNING_KEY."
  value       = nats_nkey.operator_signing.seed
  sensitive   = true
}

output "system_credentials" {
  description = "Content of a credentials file, for operator.system_credentials or the file in NATS_SYSTEM_CREDS."
  value       = nats_user.system.credentials
  sensitive   = true
}

output "account_signing_key" {
  description = "Seed that the provider uses inside accounts, for accounts.signing_key or NATS_ACCOUNT_SIGNING_KEY."
  value       = nats_nkey.accounts.seed
  sensitive   = true
}
