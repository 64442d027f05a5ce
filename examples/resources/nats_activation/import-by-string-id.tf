import {
  to = nats_activation.dashboard
  id = file("${path.module}/dashboard.jwt")
}
