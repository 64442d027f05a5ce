// Package kinelab runs the bundled KINE inside the calling process, the way k3s runs it: KINE's own NATS driver behind
// KINE's own etcd server, with the settings that k3s and the kine command give them.
//
// It is what a datastore endpoint is proven with: in tests, in the demo, and wherever "does k3s start on this?" needs
// an answer from KINE itself. See [github.com/nats-k3s/terraform-provider-nats/internal/etcdtest] for the other half,
// the etcd semantics that the endpoint then has to show.
//
// Three properties of KINE shape this package. All were read in, and measured with, kine v0.17.5:
//
//   - The driver's create loop retries for ever on [context.DeadlineExceeded] (pkg/drivers/nats/new.go). So the driver
//     never gets a context with a deadline: its context is cancelled when the time for the start is over.
//   - An error after the driver has connected leaves that connection behind: it is held by nothing but itself, and
//     reconnects until the process ends. There is no handle to close it by. A process that starts KINE on endpoints
//     that may be refused, and that lives on after that, should do it in a child process.
//   - KINE logs to logrus's global logger, and a line does not tell which KINE it comes from. From the first Start on,
//     that logger's output goes to the running KINEs of this package and nowhere else; two that run at the same time
//     see each other's lines. Hooks and the level of the logger stay as they are.
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
	_ "github.com/k3s-io/kine/pkg/drivers/nats" // registers the schemes nats and jetstream, and links no SQL driver
	"github.com/k3s-io/kine/pkg/server"
	"github.com/k3s-io/kine/pkg/tls"
	"google.golang.org/grpc"

	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

// What k3s and the kine command run KINE with.
const (
	// DefaultNotifyInterval is how often a watch with progress notifications gets one: k3s sets 5 s
	// (pkg/cli/server/server.go), and so does the kine command.
	DefaultNotifyInterval = 5 * time.Second
	// EmulatedETCDVersion is the etcd version that the status call answers, the default of the kine command
	// (pkg/app/app.go). The apiserver reads it to learn whether progress can be requested.
	EmulatedETCDVersion = "3.6.11"

	compactTimeout   = 5 * time.Second // the kine command's defaults, which the NATS driver reads in part
	compactMinRetain = 1000
	compactBatchSize = 1000
)

// DefaultStartTimeout bounds Start. KINE is ready within milliseconds on a reachable datastore, but one request to a
// JetStream that does not answer takes the NATS client's five seconds, and KINE's own limit for replaying a bucket is
// a minute.
const DefaultStartTimeout = 20 * time.Second

const (
	gracePeriod = 500 * time.Millisecond // for calls under way when KINE is stopped; a watch never ends by itself
	stopTimeout = 10 * time.Second       // for each of the parts of KINE that Stop waits for
	abortWait   = time.Second            // for a cancelled start to come back
	quotedLines = 10                     // of KINE's log, in an error
	socketName  = "kine.sock"            // as in k3s
)

// Config says which datastore KINE is started on, and how.
type Config struct {
	// Endpoint is the datastore endpoint as k3s takes it, such as "nats://user:pass@127.0.0.1:4222?bucket=kine".
	// It is never logged nor part of an error: what KINE says about it is masked.
	Endpoint string
	// CAFile, CertFile and KeyFile are k3s's datastore-cafile, -certfile and -keyfile.
	CAFile, CertFile, KeyFile string

	// Dir, if set, is a directory in which KINE listens on the unix socket kine.sock, as it does in k3s; only the
	// socket's owner can then connect. Otherwise KINE listens on a free port of 127.0.0.1, open to every local user.
	Dir string
	// LogWriter, if set, gets KINE's log: one line per Write, one Write at a time, secrets masked. It must not block.
	LogWriter io.Writer
	// StartTimeout bounds Start; zero stands for DefaultStartTimeout.
	StartTimeout time.Duration
	// NotifyInterval is the interval of watch progress notifications; zero stands for DefaultNotifyInterval.
	NotifyInterval time.Duration
}

// Kine is a running KINE. It must be stopped.
type Kine struct {
	cfg      Config
	log      *tail
	endpoint string
	grpc     *grpc.Server
	cancel   context.CancelFunc // ends the driver
	work     sync.WaitGroup     // the driver's and the listener's, as in k3s

	stop    sync.Once
	stopErr error
}

// Start starts KINE on a datastore and returns once it serves the etcd API. It makes the bucket if there is none, which
// is what KINE does; whoever must not make one looks first.
//
// An error is KINE's own, wrapped, with the endpoint's secrets masked: a bucket that differs from what the endpoint asks
// for, for example, is [github.com/nats-io/nats.go/jetstream.ErrBucketExists]. If KINE is not ready when ctx ends or
// StartTimeout is over, the error is the context's and quotes the last lines of KINE's log.
//
// The context is for the start alone: once started, KINE runs until Stop.
func Start(ctx context.Context, cfg Config) (*Kine, error) {
	if cfg.StartTimeout <= 0 {
		cfg.StartTimeout = DefaultStartTimeout
	}
	if cfg.NotifyInterval <= 0 {
		cfg.NotifyInterval = DefaultNotifyInterval
	}
	secrets := secret.NewMask(cfg.Endpoint)
	if cfg.Endpoint == "" {
		return nil, errors.New("unable to start KINE: no datastore endpoint given")
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

	// From here on the start has failed, even if it should succeed within the moment that it gets to come back.
	cancel()
	wait := time.NewTimer(abortWait)
	defer wait.Stop()
	cause := context.Cause(ctx)
	select {
	case <-booted:
		cause = errors.Join(cause, k.abandon())
	case <-wait.C:
		go func() { // it sits in a call that takes no context, such as a connection attempt
			<-booted
			_ = k.abandon()
		}()
	}
	return nil, fmt.Errorf("unable to start KINE: %w; the last lines of its log:\n%s", cause, k.log.quote(quotedLines))
}

// boot does what KINE's endpoint.Listen does (pkg/endpoint/endpoint.go), in its order.
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
	k.work.Go(func() { _ = k.grpc.Serve(listener) }) // ends with the server's Stop, and has nothing to say then
	return nil
}

// listen opens the unix socket or the loopback port, and notes the URL of the etcd API.
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

// Endpoint is the URL of the etcd API: http://127.0.0.1:<port>, or unix://<path> with a Dir. An etcd client takes either.
func (k *Kine) Endpoint() string { return k.endpoint }

// Logs returns the last lines of KINE's log, oldest first, at most a few hundred.
func (k *Kine) Logs() []string { return k.log.lines() }

// Stop ends the etcd API and then the driver, which closes its connection to NATS. Calls under way get half a second;
// watches end at once after that. Stop is safe to call more than once, takes a bounded time, and returns an error that
// names what had not ended by then.
//
// The consumers of a stopped KINE stay on the stream until the server removes them, after five minutes.
func (k *Kine) Stop() error {
	k.stop.Do(func() {
		within(gracePeriod, k.grpc.GracefulStop)
		if err := k.abandon(); err != nil {
			k.stopErr = fmt.Errorf("KINE did not stop within %s: left over: %w", stopTimeout, err)
		}
	})
	return k.stopErr
}

// abandon ends whatever boot has started, and lets go of the log. It must not run before boot has come back.
func (k *Kine) abandon() error {
	defer k.log.close()
	if k.grpc != nil && !within(stopTimeout, k.grpc.Stop) {
		return errors.New("calls to the etcd API")
	}
	k.cancel()
	if !within(stopTimeout, k.work.Wait) {
		return errors.New("the driver")
	}
	return nil
}

// within runs f and says whether it came back in time. If not, f goes on by itself.
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
