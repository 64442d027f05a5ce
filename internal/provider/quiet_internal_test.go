package provider

import (
	"bytes"
	"context"
	"testing"

	"github.com/hashicorp/terraform-plugin-log/tflog"
	"github.com/hashicorp/terraform-plugin-log/tflogtest"
	"github.com/hashicorp/terraform-plugin-log/tfsdklog"
	"github.com/hashicorp/terraform-plugin-log/tfsdklogtest"
)

// A quiet context has no loggers, and everything else that its parent has.
func TestQuietContext(t *testing.T) {
	type key struct{}
	var written bytes.Buffer
	ctx, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, "value"))
	ctx = tflogtest.RootLogger(tfsdklogtest.RootLogger(ctx, &written), &written)
	log := func(ctx context.Context) int {
		written.Reset()
		ctx = tfsdklog.NewSubsystem(ctx, "framework")
		tfsdklog.Trace(ctx, "of the SDK")
		tfsdklog.SubsystemTrace(ctx, "framework", "of the framework")
		tflog.Trace(ctx, "of the provider")
		return bytes.Count(written.Bytes(), []byte("\n"))
	}
	if lines := log(ctx); lines != 3 {
		t.Fatalf("the loggers of the test wrote %d lines:\n%s", lines, written.String())
	}
	quiet := quietContext{ctx}
	if lines := log(quiet); lines != 0 {
		t.Errorf("a quiet context logs:\n%s", written.String())
	}
	if quiet.Value(key{}) != "value" {
		t.Error("a quiet context hides other values")
	}
	child, cancelChild := context.WithCancel(quiet)
	defer cancelChild()
	cancel()
	if child.Err() == nil {
		t.Error("a quiet context hides the cancellation")
	}
}
