# An alarm on the copy of a bucket in another region: each plan and apply warns if it does not follow, or is too far behind. A mirror
# that is made in the same configuration needs depends_on here, as in the guide "A mirror in a second region".
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
