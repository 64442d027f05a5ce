# An account that somebody else runs, as at Synadia Cloud (NGS), with nothing but the credentials of one of its users: the bucket and
# the endpoint. The account needs JetStream, and must not demand a size of every stream (max_bytes_required), which verify tells.
terraform {
  required_version = ">= 1.11"

  required_providers {
    nats = {
      source = "nats-k3s/nats"
    }
  }
}

variable "servers" {
  description = "URLs of the servers as Terraform and k3s reach them."
  type        = list(string)
  default     = ["nats://connect.ngs.global:4222"]
}

variable "nats_credentials" {
  description = "Content of the credentials file of a user who may manage streams."
  type        = string
  sensitive   = true
  ephemeral   = true
}

variable "k3s_credentials" {
  description = "Content of the credentials file that is put on the node: a user with what kine_permissions returns."
  type        = string
  sensitive   = true
  ephemeral   = true
}

variable "replicas" {
  description = "Number of servers that hold the bucket."
  type        = number
  default     = 3
}

variable "deletion_protection" {
  description = "Keep the bucket from being destroyed."
  type        = bool
  default     = true
}

provider "nats" {
  servers     = var.servers
  credentials = var.nats_credentials
}

resource "nats_kine_bucket" "edge" {
  name                = "edge"
  replicas            = var.replicas
  deletion_protection = var.deletion_protection
}

resource "nats_k3s_datastore_endpoint" "edge" {
  servers          = var.servers
  datastore        = nats_kine_bucket.edge.datastore
  credentials_file = "/etc/rancher/k3s/nats.creds"

  verify = "etcd"
  verification = {
    credentials_wo         = var.k3s_credentials
    credentials_wo_version = "1" # raise it with each new file
  }
}

# What the account's owner allows the user that k3s connects as, for whatever tool makes it.
output "k3s_permissions" {
  value = provider::nats::kine_permissions(nats_kine_bucket.edge.name)
}

output "k3s_config" {
  value     = nats_k3s_datastore_endpoint.edge.k3s_config
  sensitive = true
}
