terraform {
  required_version = ">= 1.11"

  required_providers {
    nats = {
      source = "nats-k3s/nats"
    }
  }
}

variable "nats_credentials" {
  description = "Content of the credentials file of the NATS user that Terraform connects as."
  type        = string
  sensitive   = true
  ephemeral   = true
}

provider "nats" {
  servers     = ["nats://nats-1.example.com:4222", "nats://nats-2.example.com:4222"]
  credentials = var.nats_credentials
}
