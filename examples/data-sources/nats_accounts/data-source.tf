data "nats_accounts" "all" {}

# Public keys by account name. Several accounts can have the same name.
output "accounts" {
  value = { for a in data.nats_accounts.all.accounts : a.name => a.public_key... }
}
