// Package bytesize reads and writes sizes as people do, such as "10GiB".
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

// Unlimited is what NATS has for a size without limit. It is the one negative size that there is.
const Unlimited = -1

// unit is a unit and its number of bytes.
type unit struct {
	name  string
	bytes int64
}

// binary are the units that Format uses, the largest first.
var binary = []unit{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}}

// units are all that Parse knows. The decimal ones are powers of a thousand, as the standards say: nats-server, which takes GB for
// GiB, is never handed a decimal unit. The forms without a B are those of Kubernetes, and mean the same in a file of nats-server.
var units = append([]unit{
	{"", 1}, {"B", 1}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12},
	{"k", 1e3}, {"K", 1e3}, {"M", 1e6}, {"G", 1e9}, {"T", 1e12}, {"Ki", 1 << 10}, {"Mi", 1 << 20}, {"Gi", 1 << 30}, {"Ti", 1 << 40},
}, binary...)

// form is a number, with a fraction or not, and a unit. A number of more than 40 digits is none that anyone means.
var form = regexp.MustCompile(`^([0-9]{1,40}(?:\.[0-9]{1,40})?)([A-Za-z]*)$`)

// Parse returns the bytes that a text means: a number, alone or with a unit of KiB, MiB, GiB, TiB (powers of 1024), KB, MB, GB, TB
// (powers of 1000) or B, where the B can be left out. A fraction is accepted where it comes to whole bytes, as "1.5GiB" does, and "-1" is [Unlimited].
// An error says of the text what is wrong with it.
func Parse(text string) (int64, error) {
	if text == "-1" {
		return Unlimited, nil
	}
	parts := form.FindStringSubmatch(text)
	if parts == nil {
		return 0, errors.New(`it is not a number of bytes with or without a unit, such as "10GiB" or "1048576"`)
	}
	factor := int64(0)
	for _, u := range units {
		if u.name == parts[2] {
			factor = u.bytes
		}
	}
	if factor == 0 {
		return 0, secret.Errorf("%q is not a unit: there are KiB, MiB, GiB, TiB (powers of 1024) and KB, MB, GB, TB (powers of 1000), each also "+
			"without the B", parts[2])
	}
	size, ok := new(big.Rat).SetString(parts[1])
	if !ok {
		return 0, secret.Errorf("%q is not a number", parts[1])
	}
	size.Mul(size, new(big.Rat).SetInt64(factor))
	switch {
	case !size.IsInt():
		return 0, errors.New("it is not a whole number of bytes: take a smaller unit")
	case !size.Num().IsInt64():
		return 0, fmt.Errorf("it is more than %d bytes, the most there can be", int64(math.MaxInt64))
	}
	return size.Num().Int64(), nil
}

// Format writes a size with the largest binary unit that leaves a whole number, so that [Parse] returns the same size.
func Format(size int64) string {
	for _, u := range binary {
		if size > 0 && size%u.bytes == 0 {
			return strconv.FormatInt(size/u.bytes, 10) + u.name
		}
	}
	return strconv.FormatInt(size, 10)
}
