# The id is the token. Only the importing account can use it.
terraform import nats_activation.dashboard "$(cat dashboard.jwt)"
