# Restores a lost bucket at the hub from its mirror in another JetStream domain, with the same content and revisions.
# Start k3s with the same token as before. The mirror continues to follow the bucket.
terraform {
  required_version = ">= 1.11"

  required_providers {
    nats = {
      source = "nats-k3s/nats"
    }
  }
}

variable "servers" {
  description = "URLs of the hub's servers."
  type        = list(string)
  default     = ["nats://nats-1.example.com:4222"]
}

variable "k3s_credentials" {
  description = "Content of the credentials file on the nodes."
  type        = string
  sensitive   = true
  ephemeral   = true
}

variable "deletion_protection" {
  description = "Protect the bucket from being destroyed."
  type        = bool
  default     = true
}

provider "nats" {
  servers          = var.servers
  jetstream_domain = "hub"
}

resource "nats_kine_bucket" "cluster" {
  deletion_protection = var.deletion_protection

  # This is used only when the bucket is created, and can stay in the configuration.
  restore_from = {
    bucket           = "kine"
    jetstream_domain = "leaf"
  }
}

resource "nats_k3s_datastore_endpoint" "cluster" {
  servers          = var.servers
  datastore        = nats_kine_bucket.cluster.datastore
  credentials_file = "/etc/rancher/k3s/nats.creds"

  verify = "etcd"
  verification = {
    credentials_wo         = var.k3s_credentials
    credentials_wo_version = "1" # change it with each new file
  }
}

output "datastore_endpoint" {
  value     = nats_k3s_datastore_endpoint.cluster.url
  sensitive = true
}
