# The identity of an operator. Whoever loses it can never sign that operator again.
resource "nats_nkey" "operator" {
  type = "operator"

  lifecycle {
    prevent_destroy = true
  }
}

# The key that signs accounts from day to day: another one each year. A new operator JWT makes the servers trust it.
resource "nats_nkey" "signing" {
  type    = "operator"
  keepers = { year = "2026" }
}

output "operator" {
  value = nats_nkey.operator.public_key
}
