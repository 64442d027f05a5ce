variable "signing_key_seed" {
  type      = string
  sensitive = true
  ephemeral = true
}

# Allows the account of a dashboard to import the events of a shop. The export of the shop has token_required.
resource "nats_activation" "dashboard" {
  account        = "AC5BJQOSDW4HTTAM27IQUJY7R6WF32FT6TBOOIJVFWMK2NLEFKQWQ56L"
  import_account = "ACUAWP7O5H34UB6SWQLVFKJVJ6PJ3KGOR5ONLVQLOSMMEKZ2VXMLE7Y4"
  subject        = "shop.events.>"
  type           = "stream"
  expires_at     = "2030-12-31T23:59:59Z"

  signing_key_seed_wo         = var.signing_key_seed
  signing_key_seed_wo_version = "2026-01"
}
