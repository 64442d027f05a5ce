variable "signing_key" {
  description = "Public half of the key that signs the users and activations of the account (A...)."
  type        = string
}

# Other accounts can mirror the bucket of this account if they have an activation for each export. They have no other
# access to the account.
resource "nats_account" "berlin" {
  name         = "berlin"
  exports      = provider::nats::kine_mirror_exports("kine")
  signing_keys = [{ public_key = var.signing_key }]

  jetstream = {
    disk_storage = "10GiB"
  }
}
