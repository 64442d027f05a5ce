package validators

import (
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"

	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
)

// Server returns a validator of the URLs of NATS servers.
func Server() validator.String {
	return String("the URL of a NATS server", "Invalid Server URL", func(server string) error {
		_, err := natsconn.ParseServer(server)
		return err
	})
}
