# A bucket of the provider's JetStream domain.
terraform import nats_kine_bucket.edge edge-berlin

# A bucket of another domain.
terraform import nats_kine_bucket.edge hub:edge-berlin
