# The identity key signs the operator. The signing key signs accounts, so the identity key can stay offline.
resource "nats_nkey" "operator" {
  type = "operator"

  lifecycle {
    prevent_destroy = true
  }
}

resource "nats_nkey" "operator_signing" {
  type = "operator"
}

# Signs users of the system account.
resource "nats_nkey" "system_signing" {
  type = "account"
}

resource "nats_operator" "main" {
  name            = "example"
  seed_wo         = nats_nkey.operator.seed
  seed_wo_version = nats_nkey.operator.public_key

  signing_keys                = [nats_nkey.operator_signing.public_key]
  signing_key_seed_wo         = nats_nkey.operator_signing.seed
  signing_key_seed_wo_version = nats_nkey.operator_signing.public_key
  strict_signing_key_usage    = true

  operator_service_urls = ["nats://nats-1.example.com:4222"]
  assert_server_version = "2.12.0"

  system_account = {
    signing_keys = [nats_nkey.system_signing.public_key]
  }
}

# For the configuration of each server.
output "nats_conf" {
  value = <<-EOT
    operator: ${nats_operator.main.jwt}
    resolver: { type: full, dir: "/var/lib/nats/accounts", allow_delete: true }
    resolver_preload: {
      ${nats_operator.main.system_account.public_key}: ${nats_operator.main.system_account_jwt}
    }
  EOT
}
