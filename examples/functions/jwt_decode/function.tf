variable "user_credentials" {
  type      = string
  sensitive = true
}

locals {
  user = nonsensitive(provider::nats::jwt_decode(var.user_credentials))
}

# The user that the credentials belong to, and when they expire.
output "user" {
  value = {
    name       = local.user.name
    account    = coalesce(local.user.issuer_account, local.user.issuer)
    expires_at = local.user.expires_at
    publish    = try(jsondecode(local.user.claims).nats.pub.allow, [])
  }
}
