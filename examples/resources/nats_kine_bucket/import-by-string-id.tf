import {
  to = nats_kine_bucket.edge
  id = "hub:edge-berlin"
}
