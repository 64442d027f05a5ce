variable "signing_key_seed" {
  type      = string
  sensitive = true
}

# The public key to add to signing_keys of an account or an operator.
output "signing_key" {
  value = nonsensitive(provider::nats::nkey_public(var.signing_key_seed))
}
