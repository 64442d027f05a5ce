variable "k3s_password" {
  type      = string
  sensitive = true
  ephemeral = true
}

# The URL contains the password. The ephemeral resource keeps both out of the state and the plan.
ephemeral "nats_k3s_datastore_endpoint" "edge" {
  servers   = ["nats://nats-1.example.com:4222"]
  datastore = { name = "edge-berlin", history = 10, replicas = 3 }
  user      = "k3s"
  password  = var.k3s_password
}

# Pass it to a write-only argument of another provider, or to the connection of a provisioner.
locals {
  k3s_config = ephemeral.nats_k3s_datastore_endpoint.edge.k3s_config
}
