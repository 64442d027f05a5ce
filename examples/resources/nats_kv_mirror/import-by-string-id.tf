import {
  to = nats_kv_mirror.leaf
  id = "leaf:edge-berlin"
}
