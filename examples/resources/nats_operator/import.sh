# The id is the operator's JWT, which is no secret.
terraform import nats_operator.main "$(nsc describe operator --raw)"
