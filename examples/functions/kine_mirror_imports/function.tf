variable "source_account" {
  description = "Public key of the account with the bucket (A...). Its exports are those that kine_mirror_exports returns."
  type        = string
  default     = "AC5BJQOSDW4HTTAM27IQUJY7R6WF32FT6TBOOIJVFWMK2NLEFKQWQ56L"
}

variable "signing_key_seed" {
  description = "Seed of a signing key of that account (SA...)."
  type        = string
  sensitive   = true
  ephemeral   = true
}

# The identity key of the account that mirrors the bucket. The activations refer to it, so it must exist before the
# account.
resource "nats_nkey" "standby" {
  type = "account"
}

# One activation for each export. Its subject contains the public key of the importing account.
resource "nats_activation" "mirror" {
  for_each = { for export in provider::nats::kine_mirror_exports("kine") : export.subject => export.type }

  account        = var.source_account
  import_account = nats_nkey.standby.public_key
  subject        = replace(each.key, "*", nats_nkey.standby.public_key)
  type           = each.value

  signing_key_seed_wo         = var.signing_key_seed
  signing_key_seed_wo_version = "2026-01"
}

resource "nats_account" "standby" {
  name       = "standby"
  public_key = nats_nkey.standby.public_key
  imports = provider::nats::kine_mirror_imports("kine", var.source_account, {
    for subject, activation in nats_activation.mirror : subject => activation.jwt
  })

  jetstream = {
    disk_storage = "10GiB"
  }
}
