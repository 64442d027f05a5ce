locals {
  # How KINE interprets the endpoint of a k3s that was set up by hand.
  parsed = provider::nats::datastore_endpoint_parse("nats://nats-1.example.com,nats://nats-2.example.com?bucket=edge&replicas=three")
}

output "bucket" {
  value = local.parsed.bucket # "kine": KINE ignores the parameters of the second URL
}

output "warnings" {
  value = local.parsed.warnings
}
