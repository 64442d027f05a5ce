terraform {
  required_version = ">= 1.11"

  required_providers {
    nats = {
      source = "nats-k3s/nats"
    }
  }
}

variable "nats_credentials" {
  description = "Content of a credentials file of the NATS user that Terraform works as."
  type        = string
  sensitive   = true
  ephemeral   = true
}

provider "nats" {
  servers     = ["nats://nats-1.example.com:4222", "nats://nats-2.example.com:4222"]
  credentials = var.nats_credentials
}
