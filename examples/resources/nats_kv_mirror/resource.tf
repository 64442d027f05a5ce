# The bucket of a k3s cluster in the JetStream domain of the hub, and its mirror in that of a leaf node.
resource "nats_kine_bucket" "hub" {
  name             = "edge-berlin"
  jetstream_domain = "hub"
}

resource "nats_kv_mirror" "leaf" {
  jetstream_domain = "leaf"

  source = {
    bucket           = nats_kine_bucket.hub.name
    jetstream_domain = nats_kine_bucket.hub.jetstream_domain
  }
}
