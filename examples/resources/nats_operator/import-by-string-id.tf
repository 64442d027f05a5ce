import {
  to = nats_operator.main
  id = file("${path.module}/operator.jwt")
}
