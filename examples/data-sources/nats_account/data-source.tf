variable "account" {
  description = "Public key of an account (A...)."
  type        = string
}

data "nats_account" "berlin" {
  public_key = var.account
}

# Warns in each plan when the account uses more than 90 percent of its storage.
check "storage" {
  assert {
    condition     = data.nats_account.berlin.usage.disk_storage < 0.9 * 10 * pow(1024, 3)
    error_message = "The account ${data.nats_account.berlin.name} has used ${data.nats_account.berlin.usage.disk_storage} bytes."
  }
}
