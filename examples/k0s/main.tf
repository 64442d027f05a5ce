# k0s also runs KINE. The endpoint is spec.storage.kine.dataSource in its configuration.

terraform {
  required_version = ">= 1.11"

  required_providers {
    nats = {
      source = "nats-k3s/nats"
    }
  }
}

resource "nats_kine_bucket" "k0s" {
  name     = "k0s"
  replicas = 3
}

variable "k0s_credentials" {
  description = "Content of the credentials file on the controllers."
  type        = string
  sensitive   = true
  ephemeral   = true
}

resource "nats_k3s_datastore_endpoint" "k0s" {
  servers          = ["nats://nats-1.example.com:4222", "nats://nats-2.example.com:4222"]
  datastore        = nats_kine_bucket.k0s.datastore
  credentials_file = "/etc/k0s/nats.creds"
  tls = {
    ca_file = "/etc/k0s/nats-ca.pem"
  }

  verify = "etcd"
  verification = {
    credentials_wo         = var.k0s_credentials
    credentials_wo_version = "1" # change it with each new file
    tls = {
      ca_file = "nats-ca.pem"
    }
  }
}

# The content of k0s.yaml. The KINE of k0s includes an embedded NATS server, which the URL disables. Certificates are
# flags of KINE. Releases of k0s without extraArgs need a certificate authority that the system trusts.
output "k0s_config" {
  value = yamlencode({
    apiVersion = "k0s.k0sproject.io/v1beta1"
    kind       = "ClusterConfig"
    spec = {
      storage = {
        type = "kine"
        kine = {
          dataSource = nats_k3s_datastore_endpoint.k0s.url
          extraArgs  = { ca-file = "/etc/k0s/nats-ca.pem" }
        }
      }
    }
  })
  sensitive = true
}
