# Two applications on the same NATS system as the k3s clusters, each in its own account. The shop queries the stock of
# the warehouse and subscribes to its events. Accounts are isolated: they share only the subjects that one exports and
# the other imports.
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

variable "deletion_protection" {
  description = "Protect the accounts from being destroyed."
  type        = bool
  default     = true
}

provider "nats" {
  servers  = var.servers
  accounts = { signing_key = var.account_signing_key }
}

resource "nats_account" "warehouse" {
  name                = "warehouse"
  deletion_protection = var.deletion_protection

  exports = [
    # Any account can import this stream.
    { type = "stream", subject = "events.stock.>" },
    # An account needs an activation to import this service.
    { type = "service", subject = "stock.query", token_required = true },
  ]
}

# The activation needs the public key of the shop, and the account of the shop needs the activation. Creating the
# identity key first breaks the cycle.
resource "nats_nkey" "shop" {
  type = "account"
}

resource "nats_account" "shop" {
  name                = "shop"
  public_key          = nats_nkey.shop.public_key
  deletion_protection = var.deletion_protection

  imports = [
    { type = "stream", account = nats_account.warehouse.public_key, subject = "events.stock.>", local_subject = "warehouse.events.>" },
    {
      type          = "service"
      account       = nats_account.warehouse.public_key
      subject       = "stock.query"
      local_subject = "warehouse.stock"
      token         = nats_activation.stock.jwt
    },
  ]
}

# The provider signs it with its own key, which is a signing key of the warehouse.
resource "nats_activation" "stock" {
  account        = nats_account.warehouse.public_key
  import_account = nats_nkey.shop.public_key
  subject        = "stock.query"
  type           = "service"
}

resource "nats_user" "warehouse" {
  account = nats_account.warehouse.public_key
  name    = "warehouse"

  permissions = {
    publish         = { allow = ["events.stock.>"] }
    subscribe       = { allow = ["stock.query"] }
    allow_responses = { max_messages = 1, expires = "1m" }
  }
}

resource "nats_user" "shop" {
  account = nats_account.shop.public_key
  name    = "shop"

  permissions = {
    publish   = { allow = ["warehouse.stock"] }
    subscribe = { allow = ["warehouse.events.>", "_INBOX.>"] }
  }
}

output "credentials" {
  value = {
    warehouse = nats_user.warehouse.credentials
    shop      = nats_user.shop.credentials
  }
  sensitive = true
}
