package validator

import (
	"errors"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
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
