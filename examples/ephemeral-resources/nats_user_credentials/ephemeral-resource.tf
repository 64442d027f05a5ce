variable "account" {
  description = "Public key of the account with the bucket (A...)."
  type        = string
}

variable "signing_key_seed" {
  description = "Seed of a signing key of the account (SA...). It never enters the state."
  type        = string
  sensitive   = true
  ephemeral   = true
}

locals {
  datastore   = { name = "edge-berlin", account = var.account, history = 10, replicas = 3 }
  permissions = provider::nats::kine_permissions(local.datastore.name)
}

# A user who may do what the KINE in k3s may, for a quarter of an hour. The one that k3s connects as was made elsewhere, and its
# credentials are on the node only.
ephemeral "nats_user_credentials" "check" {
  account          = var.account
  name             = "endpoint-check"
  permissions      = local.permissions
  expires_in       = "15m"
  signing_key_seed = var.signing_key_seed
}

# KINE is run as that user before the endpoint is given out, and again when the permissions change. The credentials are in no state
# and no plan.
resource "nats_k3s_datastore_endpoint" "edge" {
  servers          = ["nats://nats-1.example.com:4222"]
  datastore        = local.datastore
  credentials_file = "/etc/nats/k3s.creds"

  verify = "etcd"
  verification = {
    credentials_wo         = ephemeral.nats_user_credentials.check.credentials
    credentials_wo_version = sha256(jsonencode(local.permissions))
  }
}
