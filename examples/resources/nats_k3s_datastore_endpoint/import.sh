# The id is the current endpoint of k3s, without passwords and tokens. Set those in the configuration.
terraform import nats_k3s_datastore_endpoint.edge \
  'nats://nats-1.example.com:4222?bucket=edge-berlin&replicas=3&revHistory=10&noEmbed=true&credsFile=/etc/rancher/k3s/nats.creds,nats://nats-2.example.com:4222'
