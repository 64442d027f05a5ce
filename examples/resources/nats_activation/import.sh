# The id is the token, which is of no use to anybody but the importing account.
terraform import nats_activation.dashboard "$(cat dashboard.jwt)"
