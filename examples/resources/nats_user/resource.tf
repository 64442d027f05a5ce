variable "signing_key_seed" {
  description = "Seed of a signing key of the account (SA...). It is never stored in the state."
  type        = string
  sensitive   = true
  ephemeral   = true
}

# A user for backups whose credentials are replaced every month. The state contains the credentials, so encrypt it.
resource "nats_user" "backup" {
  account = "ADEQBIMVSOY6YAFPL6XWUOQKNJRPKBGHVU66RF3BL7LGLP3FC3T47AHP"
  name    = "backup"
  tags    = ["site:berlin"]

  permissions = {
    publish   = { allow = ["$JS.API.>", "$JS.ACK.>", "$JS.FC.>"] }
    subscribe = { allow = ["_INBOX.>"] }
  }
  source_networks = ["192.0.2.0/24"]
  subscriptions   = 100

  expires_in    = "744h"
  rotate_before = "168h"

  signing_key_seed_wo = var.signing_key_seed
}

output "backup_credentials" {
  value     = nats_user.backup.credentials
  sensitive = true
}
