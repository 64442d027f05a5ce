# The id is the endpoint that k3s has now. Leave out passwords and tokens: the configuration has them.
terraform import nats_k3s_datastore_endpoint.edge \
  'nats://nats-1.example.com:4222?bucket=edge-berlin&replicas=3&revHistory=10&noEmbed=true&credsFile=/etc/rancher/k3s/nats.creds,nats://nats-2.example.com:4222'
