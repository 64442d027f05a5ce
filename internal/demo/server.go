package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// serverOptions returns the options of a server with JetStream whose files are in dir.
func serverOptions(dir string) natslab.Options {
	return natslab.Options{Name: "demo", Dir: dir, StoreDir: filepath.Join(dir, "jetstream")}
}

// urlFile returns the path of the file to which a detached server writes its URL.
func urlFile(dir string) string { return filepath.Join(dir, "server.url") }

// serveForever runs a server until ctx is canceled.
func serveForever(ctx context.Context, dir string) error {
	server, err := natslab.Start(ctx, serverOptions(dir))
	if err != nil {
		return err
	}
	defer server.Stop()
	// Written to a temporary file and renamed, so that it is never read half-written.
	if err := os.WriteFile(urlFile(dir)+".new", []byte(server.ClientURL()), 0o600); err != nil {
		return err
	}
	if err := os.Rename(urlFile(dir)+".new", urlFile(dir)); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// detached is a server in a separate process, which outlives the demo.
type detached struct {
	process *os.Process
	pid     int
	url     string
}

func (d detached) stop() {
	_ = d.process.Signal(os.Interrupt) // the process may already have exited
	_, _ = d.process.Wait()
}

// startDetached starts this program as a server.
func startDetached(ctx context.Context, dir string) (d detached, err error) {
	self, err := os.Executable()
	if err != nil {
		return d, err
	}
	log, err := os.Create(filepath.Join(dir, "server.log"))
	if err != nil {
		return d, err
	}
	defer log.Close()                                                     // the server has its own handle
	cmd := exec.CommandContext(context.Background(), self, "-serve", dir) // not bound to ctx because it keeps running
	cmd.Stdout, cmd.Stderr = log, log
	detach(cmd)
	if err := cmd.Start(); err != nil {
		return d, err
	}
	d = detached{process: cmd.Process, pid: cmd.Process.Pid}
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for {
		if url, err := os.ReadFile(urlFile(dir)); err == nil {
			d.url = string(url)
			return d, nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			d.stop()
			return d, fmt.Errorf("the NATS server did not start: see %s", log.Name())
		}
	}
}

// explainKept explains what is still running, how to use it and how to stop it.
func explainKept(dir, endpoint string, server detached) {
	say(`
The NATS server is still running on %[1]s as process %[2]d, with the bucket on it.
Its files, the configuration and the state are in %[3]s.

Start k3s on it:

    k3s server --datastore-endpoint='%[4]s'

Stop it and remove everything:

    kill %[2]d && rm -r %[3]s`, server.url, server.pid, dir, endpoint)
}
