// Package bytesize parses and formats human-readable sizes, for example "10GiB".
package bytesize

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"regexp"
	"strconv"

	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

// Unlimited is the size that NATS uses for "no limit". It is the only negative size.
const Unlimited = -1

// unit is a unit and its number of bytes.
type unit struct {
	name  string
	bytes int64
}

// binary are the units that Format uses, largest first.
var binary = []unit{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}}

// units are all units that Parse supports. The decimal units are powers of 1000, as standardized: nats-server, which
// treats GB as GiB, never receives a decimal unit. The units without a B are those of Kubernetes and have the same
// meaning in a configuration of nats-server.
var units = append([]unit{
	{"", 1}, {"B", 1}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12},
	{"k", 1e3}, {"K", 1e3}, {"M", 1e6}, {"G", 1e9}, {"T", 1e12}, {"Ki", 1 << 10}, {"Mi", 1 << 20}, {"Gi", 1 << 30},
	{"Ti", 1 << 40},
}, binary...)

// form matches a number, optionally with a fraction, and a unit. The number of digits is limited to 40.
var form = regexp.MustCompile(`^([0-9]{1,40}(?:\.[0-9]{1,40})?)([A-Za-z]*)$`)

// Parse returns the number of bytes in a text: a number, alone or with a unit of KiB, MiB, GiB, TiB (powers of 1024),
// KB, MB, GB, TB (powers of 1000) or B, where the B can be omitted. A fraction is accepted if the result is a whole
// number of bytes, as in "1.5GiB", and "-1" is [Unlimited]. Errors are phrased about the text: "it is not ...".
func Parse(text string) (int64, error) {
	if text == "-1" {
		return Unlimited, nil
	}
	parts := form.FindStringSubmatch(text)
	if parts == nil {
		return 0, errors.New(`it is not a number of bytes with an optional unit, for example "10GiB" or "1048576"`)
	}
	factor := int64(0)
	for _, u := range units {
		if u.name == parts[2] {
			factor = u.bytes
		}
	}
	if factor == 0 {
		return 0, secret.Errorf("%q is not a unit: use KiB, MiB, GiB, TiB (powers of 1024) or KB, MB, GB, TB "+
			"(powers of 1000), each with or without the B", parts[2])
	}
	size, ok := new(big.Rat).SetString(parts[1])
	if !ok {
		return 0, secret.Errorf("%q is not a number", parts[1])
	}
	size.Mul(size, new(big.Rat).SetInt64(factor))
	switch {
	case !size.IsInt():
		return 0, errors.New("it is not a whole number of bytes: use a smaller unit")
	case !size.Num().IsInt64():
		return 0, fmt.Errorf("it exceeds the maximum of %d bytes", int64(math.MaxInt64))
	}
	return size.Num().Int64(), nil
}

// Format formats a size with the largest binary unit that divides it, so that [Parse] returns the same size.
func Format(size int64) string {
	for _, u := range binary {
		if size > 0 && size%u.bytes == 0 {
			return strconv.FormatInt(size/u.bytes, 10) + u.name
		}
	}
	return strconv.FormatInt(size, 10)
}
