package validators

import (
	"errors"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/schema/validator"

	"github.com/nats-k3s/terraform-provider-nats/internal/provider/customtype"
)

// PositiveDuration accepts a duration above zero in Go's form, such as "10s".
func PositiveDuration() validator.String {
	return String(`a duration above zero, such as "10s"`, "Invalid Duration", func(text string) error {
		d, err := time.ParseDuration(text)
		switch {
		case err != nil:
			return errors.New("it is not a number with a unit of ns, us, ms, s, m or h")
		case d <= 0:
			return errors.New("it is not above zero")
		}
		return nil
	})
}

// Time accepts a time in the form of RFC 3339 in whole seconds.
func Time() validator.String {
	return String(`a time such as "2030-12-31T23:59:59Z"`, "Invalid Time", customtype.CheckTime)
}
