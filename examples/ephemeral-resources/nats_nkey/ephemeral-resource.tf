# A key pair that is in no state and no plan. Each plan and apply makes another one, so keep it where it is needed: its seed goes
# to a write-only argument of a secret store, whose version says when the store takes a new one.
ephemeral "nats_nkey" "signing" {
  type = "account"
}

locals {
  signing_key_seed = ephemeral.nats_nkey.signing.seed
}
