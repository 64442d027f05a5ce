# A bucket and an endpoint in an account that another party operates, for example in Synadia Cloud (NGS). Only the
# credentials of a user are needed. The account must have JetStream and must not require a size limit on every stream
# (max_bytes_required). The verification reports an account that does.
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
  default     = ["nats://connect.ngs.global:4222"]
}

variable "nats_credentials" {
  description = "Content of the credentials file of a user that can manage streams."
  type        = string
  sensitive   = true
  ephemeral   = true
}

variable "k3s_credentials" {
  description = "Content of the credentials file on the node. The user needs the permissions that kine_permissions returns."
  type        = string
  sensitive   = true
  ephemeral   = true
}

variable "replicas" {
  description = "Number of servers that store the bucket."
  type        = number
  default     = 3
}

variable "deletion_protection" {
  description = "Protect the bucket from being destroyed."
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
    credentials_wo_version = "1" # change it with each new file
  }
}

# Permissions of the user that k3s connects as, for the owner of the account.
output "k3s_permissions" {
  value = provider::nats::kine_permissions(nats_kine_bucket.edge.name)
}

output "k3s_config" {
  value     = nats_k3s_datastore_endpoint.edge.k3s_config
  sensitive = true
}
