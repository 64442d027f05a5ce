# The mirror in the second region. Copy this file into the directory of examples/tenant when the leaf node is connected.

resource "nats_kv_mirror" "berlin" {
  account             = nats_account.berlin.public_key
  jetstream_domain    = "leaf"
  deletion_protection = var.deletion_protection

  source = {
    bucket           = nats_kine_bucket.berlin.name
    jetstream_domain = nats_kine_bucket.berlin.jetstream_domain
  }
}
