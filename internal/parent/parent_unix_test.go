//go:build unix

package parent

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// A standard output that is closed tells nothing of the parent, however often it is looked at.
func TestClosedOutputIsNotFollowed(t *testing.T) {
	t.Parallel()
	output := []unix.PollFd{{Fd: 1 << 20}}
	var gone bool
	for range 3 {
		if output, gone = look(output, 1); gone || len(output) > 0 {
			t.Fatalf("a closed output: gone %t, still followed %v", gone, output)
		}
	}
}

func TestOutputWithoutReaderIsGone(t *testing.T) {
	t.Parallel()
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = writer.Close() }()
	output := []unix.PollFd{{Fd: int32(writer.Fd())}} //nolint:gosec // a file descriptor
	if output, gone := look(output, 1); gone || len(output) == 0 {
		t.Fatalf("an output that is read: gone %t, followed %v", gone, output)
	}
	if err := reader.Close(); err != nil {
		t.Fatal(err)
	}
	if _, gone := look(output, 1); !gone {
		t.Error("an output that nobody reads is not gone")
	}
}
