variable "signing_key_seed" {
  description = "Seed of a signing key of the account (SA...). It is never stored in the state."
  type        = string
  sensitive   = true
  ephemeral   = true
}

# A user whose key was generated on the node. The seed never leaves the node. The account is managed elsewhere, so this
# configuration cannot revoke the user.
resource "nats_user" "node" {
  account           = "ADEQBIMVSOY6YAFPL6XWUOQKNJRPKBGHVU66RF3BL7LGLP3FC3T47AHP"
  name              = "k3s-node"
  public_key        = "UCLTOUKLXYR4AI26VFHJWCLTUEZ6LD3T3VDINCMGJRKYTPAZSIVI37PU"
  revoke_on_destroy = false

  signing_key_seed_wo = var.signing_key_seed
}

output "node_jwt" {
  value     = nats_user.node.jwt
  sensitive = true
}
