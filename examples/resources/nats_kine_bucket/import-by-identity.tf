import {
  to = nats_kine_bucket.edge
  identity = {
    name             = "edge-berlin"
    jetstream_domain = "hub"
  }
}
