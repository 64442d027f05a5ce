import {
  to = nats_kv_mirror.leaf
  identity = {
    name             = "edge-berlin"
    jetstream_domain = "leaf"
  }
}
