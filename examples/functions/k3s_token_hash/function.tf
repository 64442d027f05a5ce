variable "k3s_token" {
  type      = string
  sensitive = true
}

# The key under which k3s keeps what it needs to start again: /bootstrap/<hash>.
output "bootstrap_key" {
  value = "/bootstrap/${nonsensitive(provider::nats::k3s_token_hash(var.k3s_token))}"
}
