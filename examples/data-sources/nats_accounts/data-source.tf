data "nats_accounts" "all" {}

# The public keys of accounts by their names, which several may share.
output "accounts" {
  value = { for a in data.nats_accounts.all.accounts : a.name => a.public_key... }
}
