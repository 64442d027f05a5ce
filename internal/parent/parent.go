// Package parent ends the provider with the CLI that started it.
//
// A CLI that ends in order asks its providers to end, but one that is killed does not. A provider would then stay for good, with its
// connections, the seeds that it was given, and the socket that it listens on.
package parent

import (
	"os"
	"time"
)

// listenTime is how long a process may take to listen that has just been started, and listenPoll how often it is looked whether it does.
const (
	listenTime = 5 * time.Second
	listenPoll = 10 * time.Millisecond
)

// Follow returns at once, and ends this process as soon as the CLI that started it is gone. It is for a process that a CLI starts, and not for
// one that a CLI attaches to, which outlives CLIs. It must be called before anything replaces the standard output.
//
// The CLI is gone once nobody reads the process's standard output, or once the process has another parent. On the way out, the process removes
// the sockets that it listens on; the system closes the connections. On Windows the process waits for its parent's end, and listens on no
// socket that would have to be removed.
func Follow() {
	followed := newFollowed()
	go func() {
		followed.wait()
		// The CLI may end while this process starts: what it makes in order to listen would stay.
		ticker := time.NewTicker(listenPoll)
		defer ticker.Stop()
		for began := time.Now(); !removeSockets() && time.Since(began) < listenTime; {
			<-ticker.C
		}
		os.Exit(1)
	}()
}
