# The identity key of an operator. Without it, the operator can never be signed again.
resource "nats_nkey" "operator" {
  type = "operator"

  lifecycle {
    prevent_destroy = true
  }
}

# A signing key for accounts, replaced each year. The servers trust it once they have an operator JWT that lists it.
resource "nats_nkey" "signing" {
  type    = "operator"
  keepers = { year = "2026" }
}

output "operator" {
  value = nats_nkey.operator.public_key
}
