# Monitors the copy of a bucket in another region. Each plan and apply warns if the mirror does not follow its source
# or is too far behind. If the same configuration creates the mirror, add depends_on, as in the guide "A mirror in a
# second region".
check "mirror_follows" {
  data "nats_kv_mirror" "dr" {
    name             = "kine"
    jetstream_domain = "leaf"
  }

  assert {
    condition     = data.nats_kv_mirror.dr.healthy
    error_message = "The mirror does not follow: ${data.nats_kv_mirror.dr.description}"
  }

  assert {
    condition     = data.nats_kv_mirror.dr.lag < 1000
    error_message = "The mirror is ${data.nats_kv_mirror.dr.lag} messages behind."
  }
}
