# The bucket of a k3s cluster at the hub, and its mirror on a leaf node. Each has its own JetStream domain.
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
