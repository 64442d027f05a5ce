variable "account" {
  description = "Public key of the account with the bucket (A...)."
  type        = string
}

variable "signing_key_seed" {
  description = "Seed of a signing key of the account (SA...)."
  type        = string
  sensitive   = true
  ephemeral   = true
}

# The user that k3s connects as. It has only the permissions that KINE needs on the bucket.
resource "nats_user" "k3s" {
  account             = var.account
  name                = "k3s-berlin"
  permissions         = provider::nats::kine_permissions("kine")
  signing_key_seed_wo = var.signing_key_seed
}
