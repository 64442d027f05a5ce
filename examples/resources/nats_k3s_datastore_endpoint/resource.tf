resource "nats_kine_bucket" "edge" {
  name     = "edge-berlin"
  replicas = 3
}

variable "k3s_credentials" {
  description = "Content of the credentials file that is put on the node."
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

  # What this machine needs to check the same.
  verification = {
    credentials_wo         = var.k3s_credentials
    credentials_wo_version = "1" # raise it with each new file
    tls = {
      ca_file = "nats-ca.pem"
    }
  }
}

# A file for /etc/rancher/k3s/config.yaml.d on the node.
output "k3s_config" {
  value     = nats_k3s_datastore_endpoint.edge.k3s_config
  sensitive = true
}
