variable "account" {
  description = "Public key of an account (A...)."
  type        = string
}

data "nats_account" "berlin" {
  public_key = var.account
}

# A warning in each plan, once the account has used nine tenths of its storage.
check "storage" {
  assert {
    condition     = data.nats_account.berlin.usage.disk_storage < 0.9 * 10 * pow(1024, 3)
    error_message = "The account ${data.nats_account.berlin.name} has used ${data.nats_account.berlin.usage.disk_storage} bytes."
  }
}
