resource "nats_kine_bucket" "edge" {
  name     = "edge-berlin"
  replicas = 3
}

variable "k3s_credentials" {
  description = "Content of the credentials file on the node."
  type        = string
  sensitive   = true
  ephemeral   = true
}

resource "nats_k3s_datastore_endpoint" "edge" {
  servers   = ["nats://nats-1.example.com:4222", "nats://nats-2.example.com:4222"]
  datastore = nats_kine_bucket.edge.datastore

  # Paths on the node that runs k3s.
  credentials_file = "/etc/rancher/k3s/nats.creds"
  tls = {
    ca_file = "/etc/rancher/k3s/nats-ca.pem"
  }

  # Credentials and certificates for the verification from this machine.
  verification = {
    credentials_wo         = var.k3s_credentials
    credentials_wo_version = "1" # change it with each new file
    tls = {
      ca_file = "nats-ca.pem"
    }
  }
}

# For a file in /etc/rancher/k3s/config.yaml.d on the node.
output "k3s_config" {
  value     = nats_k3s_datastore_endpoint.edge.k3s_config
  sensitive = true
}
