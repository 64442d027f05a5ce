# A copy of a k3s cluster's state in another region, which is a leaf node of the hub with a JetStream domain of its own. k3s works on the
# hub; the mirror follows within milliseconds, with the same revisions, and stays when the hub is lost.
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
  description = "Keep bucket and mirror from being destroyed."
  type        = bool
  default     = true
}

# From here, the other region is reached through the hub. While it is gone, a refresh keeps what it knew of it.
provider "nats" {
  servers          = var.servers
  jetstream_domain = "hub"
  unreachable      = "warn"
}

resource "nats_kine_bucket" "cluster" {
  deletion_protection = var.deletion_protection
}

resource "nats_kv_mirror" "cluster" {
  jetstream_domain    = "leaf"
  deletion_protection = var.deletion_protection

  source = {
    bucket           = nats_kine_bucket.cluster.name
    jetstream_domain = nats_kine_bucket.cluster.jetstream_domain
  }
}

# An alarm: each plan and apply warns if the mirror does not follow. With depends_on, the mirror is looked at after it was made; a plan
# that makes or changes it then announces that read, and -detailed-exitcode returns 2 for it.
check "mirror_follows" {
  data "nats_kv_mirror" "cluster" {
    depends_on = [nats_kv_mirror.cluster]

    name             = "kine"
    jetstream_domain = "leaf"
  }

  assert {
    condition     = data.nats_kv_mirror.cluster.healthy
    error_message = "The mirror does not follow: ${data.nats_kv_mirror.cluster.description}"
  }
}

resource "nats_k3s_datastore_endpoint" "cluster" {
  servers          = var.servers
  datastore        = nats_kine_bucket.cluster.datastore
  credentials_file = "/etc/rancher/k3s/nats.creds"

  verification = {
    credentials_wo         = var.k3s_credentials
    credentials_wo_version = "1" # raise it with each new file
  }
}

output "datastore_endpoint" {
  value     = nats_k3s_datastore_endpoint.cluster.url
  sensitive = true
}
