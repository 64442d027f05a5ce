variable "account" {
  description = "Public key of the account with the bucket (A...)."
  type        = string
}

variable "signing_key_seed" {
  description = "Seed of a signing key of the account (SA...). It is never stored in the state."
  type        = string
  sensitive   = true
  ephemeral   = true
}

locals {
  datastore   = { name = "edge-berlin", account = var.account, history = 10, replicas = 3 }
  permissions = provider::nats::kine_permissions(local.datastore.name)
}

# A user with the permissions of KINE that expires after 15 minutes. The user that k3s connects as was created
# elsewhere, and its credentials exist only on the node.
ephemeral "nats_user_credentials" "check" {
  account          = var.account
  name             = "endpoint-check"
  permissions      = local.permissions
  expires_in       = "15m"
  signing_key_seed = var.signing_key_seed
}

# The provider runs KINE as this user to verify the endpoint, and again when the permissions change. The credentials are
# never stored in the state or the plan.
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
