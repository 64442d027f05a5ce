// Package parent ends the provider when the CLI that started it exits.
//
// A CLI that exits cleanly stops its providers, but a killed one does not. A provider would then run indefinitely,
// with its connections, the seeds it has received, and the socket that it listens on.
package parent

import (
	"os"
	"time"
)

// listenTime is how long a new process may take until it listens, and listenPoll is how often to check.
const (
	listenTime = 5 * time.Second
	listenPoll = 10 * time.Millisecond
)

// Follow returns immediately, and ends this process as soon as the CLI that started it has exited. It is for a
// process started by a CLI, and not for one that CLIs attach to, which must outlive them. Follow must be called
// before standard output is replaced.
//
// The CLI has exited when the process's standard output no longer has a reader, or when the process has a different
// parent. Before it exits, the process removes the sockets that it listens on; the system closes the connections. On
// Windows, the process waits for its parent to exit and listens on a port, so there are no sockets to remove.
func Follow() {
	followed := newFollowed()
	go func() {
		followed.wait()
		// The CLI may exit while this process starts: files created later in order to listen would remain.
		ticker := time.NewTicker(listenPoll)
		defer ticker.Stop()
		for began := time.Now(); !removeSockets() && time.Since(began) < listenTime; {
			<-ticker.C
		}
		os.Exit(1)
	}()
}
