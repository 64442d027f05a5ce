package validators

import (
	"errors"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/schema/validator"

	"github.com/nats-k3s/terraform-provider-nats/internal/provider/customtype"
)

// PositiveDuration returns a validator for a positive duration in Go syntax, for example "10s".
func PositiveDuration() validator.String {
	return String(`a duration above zero, for example "10s"`, "Invalid Duration", func(text string) error {
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

// Time returns a validator for a time in RFC 3339 format, in whole seconds.
func Time() validator.String {
	return String(`a time, for example "2030-12-31T23:59:59Z"`, "Invalid Time", customtype.CheckTime)
}
