# The hub's bucket is lost, and its mirror in another JetStream domain is not: the bucket is made again from the mirror, with the same content
# and the same revisions. k3s is then started with the same token as before, and the mirror goes on following the bucket.
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
  description = "Content of the credentials file that is put on the nodes."
  type        = string
  sensitive   = true
  ephemeral   = true
}

variable "deletion_protection" {
  description = "Keep the bucket from being destroyed."
  type        = bool
  default     = true
}

provider "nats" {
  servers          = var.servers
  jetstream_domain = "hub"
}

resource "nats_kine_bucket" "cluster" {
  deletion_protection = var.deletion_protection

  # It has an effect only when the bucket is made, and can stay.
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
    credentials_wo_version = "1" # raise it with each new file
  }
}

output "datastore_endpoint" {
  value     = nats_k3s_datastore_endpoint.cluster.url
  sensitive = true
}
