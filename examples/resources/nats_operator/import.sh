# The id is the JWT of the operator. It is not secret.
terraform import nats_operator.main "$(nsc describe operator --raw)"
