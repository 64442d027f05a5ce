# Standalone KINE, as a service that any kube-apiserver can use as etcd.

terraform {
  required_version = ">= 1.11"

  required_providers {
    nats = {
      source = "nats-k3s/nats"
    }
  }
}

resource "nats_kine_bucket" "standalone" {
  name = "standalone"
}

resource "nats_k3s_datastore_endpoint" "standalone" {
  servers   = ["nats://nats-1.example.com:4222"]
  datastore = nats_kine_bucket.standalone.datastore
  tls = {
    ca_file = "/etc/kine/nats-ca.pem"
  }

  verification = {
    tls = {
      ca_file = "nats-ca.pem"
    }
  }
}

# The content of /etc/kine/kine.env, for a unit with EnvironmentFile=/etc/kine/kine.env and
# ExecStart=/usr/local/bin/kine. systemd reads the text between the single quotes literally.
output "kine_environment" {
  value = join("", [for name, value in {
    KINE_ENDPOINT       = nats_k3s_datastore_endpoint.standalone.url
    KINE_CA_FILE        = "/etc/kine/nats-ca.pem"
    KINE_LISTEN_ADDRESS = "unix:///run/kine/kine.sock"
  } : "${name}='${value}'\n"])
  sensitive = true
}
