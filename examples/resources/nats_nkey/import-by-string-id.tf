import {
  to = nats_nkey.operator
  id = "/etc/nats/keys/operator.nk"
}
