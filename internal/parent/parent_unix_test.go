//go:build unix

package parent

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// A closed standard output says nothing about the parent, however often it is polled.
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
		t.Fatalf("an output with a reader: gone %t, followed %v", gone, output)
	}
	if err := reader.Close(); err != nil {
		t.Fatal(err)
	}
	if _, gone := look(output, 1); !gone {
		t.Error("the loss of the reader was not noticed")
	}
}
