variable "signing_key_seed" {
  type      = string
  sensitive = true
}

# What an account or an operator has to list, so that what the key signs is trusted.
output "signing_key" {
  value = nonsensitive(provider::nats::nkey_public(var.signing_key_seed))
}
