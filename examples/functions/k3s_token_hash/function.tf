variable "k3s_token" {
  type      = string
  sensitive = true
}

# The key that holds the bootstrap data of k3s: /bootstrap/<hash>.
output "bootstrap_key" {
  value = "/bootstrap/${nonsensitive(provider::nats::k3s_token_hash(var.k3s_token))}"
}
