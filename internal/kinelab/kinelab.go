// Package kinelab runs the bundled KINE inside the calling process, the way k3s runs it: KINE's own NATS driver
// behind KINE's own etcd server, with the settings of k3s and the kine command.
//
// Tests and the demo use it to prove that a datastore endpoint works with KINE itself. Package
// [github.com/nats-k3s/terraform-provider-nats/internal/etcdtest] then checks the etcd semantics of the endpoint.
//
// Three properties of KINE shape this package. All are read from the source of kine v0.17.5 and measured:
//
//   - The driver retries the creation of its bucket indefinitely on [context.DeadlineExceeded]
//     (pkg/drivers/nats/new.go). The driver therefore never gets a context with a deadline: its context is canceled
//     when the start timeout expires.
//   - An error after the driver has connected leaks the connection, which reconnects until the process exits and
//     cannot be closed. A long-lived process that starts KINE on endpoints that may be refused should do so in a child
//     process.
//   - KINE logs to logrus's global logger, and a line does not identify its KINE. After the first Start, the output of
//     that logger goes only to the running KINEs of this package; concurrent KINEs see each other's lines. Hooks and
//     the level of the logger are unchanged.
package kinelab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/k3s-io/kine/pkg/drivers"
	_ "github.com/k3s-io/kine/pkg/drivers/nats" // registers the schemes nats and jetstream without linking a SQL driver
	"github.com/k3s-io/kine/pkg/server"
	"github.com/k3s-io/kine/pkg/tls"
	"google.golang.org/grpc"

	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

// Settings of k3s and the kine command.
const (
	// DefaultNotifyInterval is the interval of progress notifications of a watch, which k3s
	// (pkg/cli/server/server.go) and the kine command set to 5 s.
	DefaultNotifyInterval = 5 * time.Second
	// EmulatedETCDVersion is the etcd version that the status call returns, the default of the kine command
	// (pkg/app/app.go). The apiserver uses it to decide whether it can request progress.
	EmulatedETCDVersion = "3.6.11"

	compactTimeout   = 5 * time.Second // defaults of the kine command; the NATS driver uses some of them
	compactMinRetain = 1000
	compactBatchSize = 1000
)

// DefaultStartTimeout limits Start. KINE is ready within milliseconds on a reachable datastore, but one request to a
// JetStream that does not answer takes the NATS client's five seconds, and KINE's own limit for replaying a bucket is
// one minute.
const DefaultStartTimeout = 20 * time.Second

const (
	gracePeriod = 500 * time.Millisecond // for calls in progress when KINE is stopped; a watch never ends on its own
	stopTimeout = 30 * time.Second       // for each part of KINE that Stop waits for
	abortWait   = time.Second            // for a canceled start to return
	quotedLines = 10                     // of KINE's log in an error
	socketName  = "kine.sock"            // as in k3s
)

// Config configures KINE and its datastore.
type Config struct {
	// Endpoint is the datastore endpoint as k3s accepts it, for example
	// "nats://user:pass@127.0.0.1:4222?bucket=kine". It is never logged or included in an error: KINE's messages
	// about it are masked.
	Endpoint string
	// CAFile, CertFile and KeyFile are k3s's datastore-cafile, -certfile and -keyfile.
	CAFile, CertFile, KeyFile string

	// Dir, if set, is a directory in which KINE listens on the Unix socket kine.sock, as in k3s; only the socket's
	// owner can connect. Otherwise KINE listens on a free port of 127.0.0.1, to which every local user can connect.
	Dir string
	// LogWriter, if set, receives KINE's log, one line per Write, with secrets masked. Writes do not overlap and must
	// not block.
	LogWriter io.Writer
	// StartTimeout limits Start. Zero means DefaultStartTimeout.
	StartTimeout time.Duration
	// NotifyInterval is the interval of progress notifications of a watch. Zero means DefaultNotifyInterval.
	NotifyInterval time.Duration
}

// Kine is a running KINE. It must be stopped.
type Kine struct {
	cfg      Config
	log      *tail
	endpoint string
	grpc     *grpc.Server
	accepted *connections
	cancel   context.CancelFunc // stops the driver
	work     sync.WaitGroup     // goroutines of the driver and the listener, as in k3s

	stop    sync.Once
	stopErr error
}

// Start starts KINE on a datastore and returns when it serves the etcd API. KINE creates a missing bucket; a caller
// that does not want that must check first.
//
// An error wraps KINE's own error with the endpoint's secrets masked. For example, it is
// [github.com/nats-io/nats.go/jetstream.ErrBucketExists] if the bucket differs from what the endpoint requires. If
// KINE is not ready when ctx ends or StartTimeout expires, the error wraps the context's error and quotes the last
// lines of KINE's log.
//
// The context only limits the start: once started, KINE runs until Stop.
func Start(ctx context.Context, cfg Config) (*Kine, error) {
	if cfg.StartTimeout <= 0 {
		cfg.StartTimeout = DefaultStartTimeout
	}
	if cfg.NotifyInterval <= 0 {
		cfg.NotifyInterval = DefaultNotifyInterval
	}
	secrets := secret.NewMask(cfg.Endpoint)
	if cfg.Endpoint == "" {
		return nil, errors.New("unable to start KINE: the datastore endpoint is empty")
	}

	ctx, done := context.WithTimeoutCause(ctx, cfg.StartTimeout,
		fmt.Errorf("KINE was not ready within %s: %w", cfg.StartTimeout, context.DeadlineExceeded))
	defer done()

	k := &Kine{cfg: cfg, log: subscribe(secrets, cfg.LogWriter)}
	driverCtx, cancel := context.WithCancel(context.Background())
	k.cancel = cancel

	var bootErr error
	booted := make(chan struct{})
	go func() {
		defer close(booted)
		bootErr = k.boot(driverCtx)
	}()
	select {
	case <-booted:
		if bootErr != nil {
			return nil, fmt.Errorf("unable to start KINE: %w", secrets.Error(errors.Join(bootErr, k.abandon())))
		}
		return k, nil
	case <-ctx.Done():
	}

	// The start has failed now, even if it succeeds while it is being canceled.
	cancel()
	wait := time.NewTimer(abortWait)
	defer wait.Stop()
	cause := context.Cause(ctx)
	select {
	case <-booted:
		cause = errors.Join(cause, k.abandon())
	case <-wait.C:
		go func() { // it is blocked in a call without a context, for example a connection attempt
			<-booted
			_ = k.abandon()
		}()
	}
	return nil, fmt.Errorf("unable to start KINE: %w; the last lines of its log:\n%s", cause, k.log.quote(quotedLines))
}

// boot performs the steps of KINE's endpoint.Listen (pkg/endpoint/endpoint.go) in the same order.
func (k *Kine) boot(ctx context.Context) error {
	_, backend, err := drivers.New(ctx, &k.work, &drivers.Config{
		Endpoint:         k.cfg.Endpoint,
		BackendTLSConfig: tls.Config{CAFile: k.cfg.CAFile, CertFile: k.cfg.CertFile, KeyFile: k.cfg.KeyFile},
		CompactInterval:  0, // the apiserver compacts
		CompactTimeout:   compactTimeout,
		CompactMinRetain: compactMinRetain,
		CompactBatchSize: compactBatchSize,
	})
	if err != nil {
		return fmt.Errorf("failed to create driver for configured endpoint: %w", err)
	}
	if err := backend.Start(ctx); err != nil {
		return fmt.Errorf("starting kine backend: %w", err)
	}
	listener, err := k.listen(ctx)
	if err != nil {
		return fmt.Errorf("creating listener: %w", err)
	}

	k.grpc = newGRPCServer()
	scheme, _, _ := strings.Cut(k.endpoint, "://")
	server.New(backend, scheme, k.cfg.NotifyInterval, EmulatedETCDVersion).Register(k.grpc)
	k.accepted = &connections{Listener: listener}
	k.work.Go(func() { _ = k.grpc.Serve(k.accepted) }) // ends with Stop of the server and then returns no useful error
	return nil
}

// listen opens the Unix socket or the loopback port and records the URL of the etcd API.
func (k *Kine) listen(ctx context.Context) (net.Listener, error) {
	var lc net.ListenConfig
	if k.cfg.Dir == "" {
		l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		k.endpoint = "http://" + l.Addr().String()
		return l, nil
	}
	path := filepath.Join(k.cfg.Dir, socketName)
	l, err := listenUnix(ctx, &lc, path)
	if err != nil {
		return nil, err
	}
	k.endpoint = "unix://" + path
	return l, nil
}

// Endpoint returns the URL of the etcd API: http://127.0.0.1:<port>, or unix://<path> if Dir is set. An etcd client
// accepts both.
func (k *Kine) Endpoint() string { return k.endpoint }

// Logs returns the last lines of KINE's log, oldest first, at most a few hundred.
func (k *Kine) Logs() []string { return k.log.lines() }

// Stop stops the etcd API and then the driver, which closes its connection to NATS. Calls in progress get half a
// second to finish; watches end immediately after that. Stop can be called more than once, takes a bounded time, and
// returns an error that names the parts that did not end.
//
// The consumers of a stopped KINE stay on the stream for five minutes, until the server removes them.
func (k *Kine) Stop() error {
	k.stop.Do(func() {
		within(gracePeriod, k.grpc.GracefulStop)
		if err := k.abandon(); err != nil {
			k.stopErr = fmt.Errorf("KINE did not stop within %s: still running: %w", stopTimeout, err)
		}
	})
	return k.stopErr
}

// abandon stops everything that boot started and closes the log. It must not run before boot has returned.
func (k *Kine) abandon() error {
	defer k.log.close()
	var left []error
	if k.grpc != nil {
		k.accepted.close()
		if !within(stopTimeout, k.grpc.Stop) {
			left = append(left, errors.New("calls to the etcd API"))
		}
	}
	k.cancel()
	if !within(stopTimeout, k.work.Wait) {
		left = append(left, errors.New("the driver"))
	}
	return errors.Join(left...)
}

// within runs f and reports whether it returned in time. Otherwise f continues in the background.
func within(d time.Duration, f func()) bool {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-timer.C:
		return false
	}
}
