# The smallest complete setup: a bucket that KINE accepts, and the endpoint that k3s starts with.

terraform {
  required_version = ">= 1.11"

  required_providers {
    nats = {
      source = "nats-k3s/nats"
    }
  }
}

variable "servers" {
  description = "URLs of NATS servers that Terraform and k3s can reach."
  type        = list(string)
  default     = ["nats://127.0.0.1:4222"]
}

variable "deletion_protection" {
  description = "Protect the bucket from being destroyed."
  type        = bool
  default     = true
}

provider "nats" {
  servers = var.servers
}

resource "nats_kine_bucket" "cluster" {
  name                = "kine"
  deletion_protection = var.deletion_protection
}

resource "nats_k3s_datastore_endpoint" "cluster" {
  servers   = var.servers
  datastore = nats_kine_bucket.cluster.datastore
  verify    = "etcd" # runs KINE to write, read and watch a key before k3s uses the bucket
}

output "datastore_endpoint" {
  description = "Endpoint to start k3s with: k3s server --datastore-endpoint=..."
  value       = nats_k3s_datastore_endpoint.cluster.url
  sensitive   = true
}
