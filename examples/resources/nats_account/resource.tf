variable "signing_key" {
  description = "Public key of the signing key of the accounts (A...)."
  type        = string
}

# An account for each cluster. The provider generates the identity key and discards its seed. The signing key signs
# users.
resource "nats_account" "cluster" {
  for_each = toset(["berlin", "lisbon"])

  name = each.key
  tags = ["k3s"]

  limits = {
    connections = 100
    payload     = "8MiB"
  }
  jetstream = {
    disk_storage = "10GiB"
    streams      = 1
    consumers    = 100000 # KINE creates one for each watch
  }
  signing_keys = [{ public_key = var.signing_key }]
}

# An account that exports a service to accounts with an activation token. The scope restricts the users of its signing
# key.
resource "nats_account" "inventory" {
  name = "inventory"

  exports = [{
    name           = "stock"
    subject        = "stock.*"
    type           = "service"
    token_required = true
  }]
  signing_keys = [{
    public_key = var.signing_key
    scope = {
      role     = "reader"
      template = { permissions = { subscribe = { allow = ["stock.>"] }, publish = { deny = [">"] } } }
    }
  }]
}
