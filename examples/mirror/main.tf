# A copy of the state of a k3s cluster in another region. The region is a leaf node of the hub with its own JetStream
# domain. k3s uses the bucket at the hub. The mirror follows within milliseconds, keeps the same revisions, and
# survives the loss of the hub.
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
  description = "Protect the bucket and the mirror from being destroyed."
  type        = bool
  default     = true
}

# The provider reaches the other region through the hub. While that region is unreachable, a refresh keeps the last
# known state.
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

# Each plan and apply warns if the mirror does not follow its source. With depends_on, the check runs after the mirror
# is created. A plan that creates or changes the mirror then includes a read of the data source, and -detailed-exitcode
# returns 2.
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
    credentials_wo_version = "1" # change it with each new file
  }
}

output "datastore_endpoint" {
  value     = nats_k3s_datastore_endpoint.cluster.url
  sensitive = true
}
