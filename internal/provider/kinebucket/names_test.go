package kinebucket_test

import "strings"

// longName is one character longer than the name of a bucket may be.
var longName = strings.Repeat("n", 253)
