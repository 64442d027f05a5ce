resource "nats_kine_bucket" "edge" {
  name     = "edge-berlin"
  history  = 16
  replicas = 3

  placement = {
    cluster = "eu-central"
    tags    = ["storage:nvme"]
  }
}
