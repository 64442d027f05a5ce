variable "signing_key" {
  description = "Public half of the key that signs the users and activations of the account (A...)."
  type        = string
}

# An account whose bucket others may mirror that have an activation for each of the exports, and that they can do nothing else in.
resource "nats_account" "berlin" {
  name         = "berlin"
  exports      = provider::nats::kine_mirror_exports("kine")
  signing_keys = [{ public_key = var.signing_key }]

  jetstream = {
    disk_storage = "10GiB"
  }
}
