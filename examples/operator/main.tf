# From nothing to an operator: keys, the operator with its system account, the configuration of the first server, and the first
# account. Two applies: the first writes nats-server.conf, which a server is started with; the second, with server_is_up, pushes
# the account to it.
terraform {
  required_version = ">= 1.11"

  required_providers {
    nats = {
      source = "nats-k3s/nats"
    }
  }
}

variable "server_is_up" {
  description = "Whether the server runs that the configuration is for."
  type        = bool
  default     = false
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

# Nothing is configured here, so that it can make what the other one needs. It connects nowhere.
provider "nats" {
  alias = "offline"
}

provider "nats" {
  servers = ["nats://${var.listen}"]
  operator = {
    signing_key        = nats_nkey.operator_signing.seed
    system_credentials = nats_user.system.credentials
  }
}

# The operator's identity signs nothing but the operator: keep it away from the rest once there is more than a trial.
resource "nats_nkey" "operator" {
  provider = nats.offline
  type     = "operator"
}

# This one signs accounts.
resource "nats_nkey" "operator_signing" {
  provider = nats.offline
  type     = "operator"
}

# And this one the users of the system account.
resource "nats_nkey" "system_signing" {
  provider = nats.offline
  type     = "account"
}

resource "nats_operator" "edge" {
  provider        = nats.offline
  name            = "edge"
  seed_wo         = nats_nkey.operator.seed
  seed_wo_version = nats_nkey.operator.public_key
  signing_keys    = [nats_nkey.operator_signing.public_key]
  system_account  = { signing_keys = [nats_nkey.system_signing.public_key] }
}

# Over this user accounts are pushed. Revoking it would take the connection to do so with it.
resource "nats_user" "system" {
  provider            = nats.offline
  account             = nats_operator.edge.system_account.public_key
  name                = "terraform"
  signing_key_seed_wo = nats_nkey.system_signing.seed
  revoke_on_destroy   = false
}

data "nats_server_config" "first" {
  provider       = nats.offline
  server_name    = "nats-1"
  listen         = var.listen
  operator       = nats_operator.edge.jwt
  system_account = nats_operator.edge.system_account.public_key

  jetstream = { store_dir = "${var.data_dir}/jetstream" }

  resolver = {
    type         = "full"
    dir          = "${var.data_dir}/accounts"
    allow_delete = true
    preload      = { (nats_operator.edge.system_account.public_key) = nats_operator.edge.system_account_jwt }
  }
}

output "nats_server_conf" {
  value = data.nats_server_config.first.config
}

resource "nats_account" "berlin" {
  count = var.server_is_up ? 1 : 0

  name      = "berlin"
  jetstream = { disk_storage = "10GiB", consumers = 100000 }
}
