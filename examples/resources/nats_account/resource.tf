variable "signing_key" {
  description = "Public half of the key that signs the users of the accounts (A...)."
  type        = string
}

# An account for each cluster. Its identity is made here and its seed thrown away: the signing key signs its users.
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
    consumers    = 100000 # KINE makes one for each watch
  }
  signing_keys = [{ public_key = var.signing_key }]
}

# One that others can ask, with an activation token, and whose users are readers or may do anything.
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
