package customtype

import (
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/attr/xattr"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types/basetypes"
)

func measureOf[U unit](text string) Measure[U] {
	return Measure[U]{StringValue: basetypes.NewStringValue(text)}
}

func testMeasures[U unit](t *testing.T, same [][2]string, numbers map[string]int64, refused map[string]string) {
	t.Helper()
	for _, pair := range same {
		if equal, _ := measureOf[U](pair[0]).StringSemanticEquals(t.Context(), measureOf[U](pair[1])); !equal {
			t.Errorf("%s and %s differ", pair[0], pair[1])
		}
	}
	for text, number := range numbers {
		if got := measureOf[U](text).Number(); got != number {
			t.Errorf("%s is %d, not %d", text, got, number)
		}
	}
	for text, says := range refused {
		var resp xattr.ValidateAttributeResponse
		measureOf[U](text).ValidateAttribute(t.Context(), xattr.ValidateAttributeRequest{Path: path.Root("at")}, &resp)
		if resp.Diagnostics.ErrorsCount() != 1 || !strings.Contains(resp.Diagnostics[0].Detail(), says) {
			t.Errorf("%q: %v, not %q", text, resp.Diagnostics, says)
		}
		if equal, _ := measureOf[U](text).StringSemanticEquals(t.Context(), measureOf[U](text)); equal {
			t.Errorf("%q, which cannot be read, means the same as itself", text)
		}
	}
}

func TestDurations(t *testing.T) {
	testMeasures[durations](t,
		[][2]string{{"1h", "60m"}, {"1.5s", "1500ms"}},
		map[string]int64{"1m30s": int64(90 * time.Second), "0s": 0, "-1ns": -1},
		map[string]string{"": "not a number with a unit", "5": "not a number with a unit", "1d": "not a number with a unit"})
}

func TestTimes(t *testing.T) {
	testMeasures[times](t,
		[][2]string{{"2030-01-01T00:00:00Z", "2030-01-01T02:00:00+02:00"},
			{"2030-01-01T00:00:00Z", "2030-01-01T00:00:00+00:00"}},
		map[string]int64{"1970-01-01T00:00:01Z": 1, "2030-01-01T00:00:00Z": 1893456000},
		map[string]string{
			"2030-01-01":             "not in RFC 3339 format",
			"2030-01-01 00:00:00Z":   "not in RFC 3339 format",
			"2030-01-01T00:00:00":    "not in RFC 3339 format",
			"2030-02-30T00:00:00Z":   "not in RFC 3339 format",
			"2030-01-01T00:00:00.5Z": "whole seconds",
			"1969-12-31T23:59:59Z":   "before 1970-01-01T00:00:01Z",
		})
}
