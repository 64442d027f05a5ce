# A key pair that is never stored in the state or the plan. Each plan and apply generates a new one. Pass its seed to a
# write-only argument of a secret store, and change the version of that argument to store a new seed.
ephemeral "nats_nkey" "signing" {
  type = "account"
}

locals {
  signing_key_seed = ephemeral.nats_nkey.signing.seed
}
