# Three JetStream servers, one in each zone, with TLS between the servers and for clients.
locals {
  servers = {
    nats-1 = "az:a"
    nats-2 = "az:b"
    nats-3 = "az:c"
  }
}

data "nats_server_config" "hub" {
  for_each = local.servers

  server_name = each.key
  listen      = "0.0.0.0:4222"
  http        = "127.0.0.1:8222"
  tags        = ["region:eu", each.value]

  jetstream = {
    store_dir      = "/var/lib/nats"
    domain         = "hub"
    max_file_store = "100GiB"
    unique_tag     = "az:" # places the replicas of a bucket in different zones
    limits = {
      default_max_consumers = -1 # KINE creates one for each watch
    }
  }

  tls = {
    cert_file = "/etc/nats/tls/cert.pem"
    key_file  = "/etc/nats/tls/key.pem"
  }

  cluster = {
    name   = "eu"
    listen = "0.0.0.0:6222"
    routes = [for name in keys(local.servers) : "nats://${name}.example.com:6222"]
    tls = {
      cert_file = "/etc/nats/tls/cert.pem"
      key_file  = "/etc/nats/tls/key.pem"
      ca_file   = "/etc/nats/tls/ca.pem"
    }
  }
}

# For cloud-init, a Helm value or a ConfigMap.
output "nats_server_conf" {
  value = { for name, server in data.nats_server_config.hub : name => server.config }
}
