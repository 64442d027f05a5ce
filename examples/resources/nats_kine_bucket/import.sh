# A bucket in the provider's JetStream domain.
terraform import nats_kine_bucket.edge edge-berlin

# A bucket in another domain.
terraform import nats_kine_bucket.edge hub:edge-berlin
