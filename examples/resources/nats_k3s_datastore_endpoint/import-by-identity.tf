import {
  to = nats_k3s_datastore_endpoint.edge
  identity = {
    url_redacted = "nats://nats-1.example.com:4222?bucket=edge-berlin&credsFile=%2Fetc%2Francher%2Fk3s%2Fnats.creds&noEmbed=true&replicas=3&revHistory=10,nats://nats-2.example.com:4222"
  }
}
