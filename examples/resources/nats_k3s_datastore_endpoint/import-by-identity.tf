import {
  to = nats_k3s_datastore_endpoint.edge
  identity = {
    url_redacted = "nats://nats-1.example.com:4222?bucket=edge-berlin&replicas=3&revHistory=10&noEmbed=true"
  }
}
