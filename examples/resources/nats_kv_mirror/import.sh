# A mirror in the provider's JetStream domain.
terraform import nats_kv_mirror.leaf edge-berlin

# A mirror in another domain.
terraform import nats_kv_mirror.leaf leaf:edge-berlin
