package natsconn

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// eventually polls until check returns nil.
func eventually(t *testing.T, what string, check func() error) {
	t.Helper()
	ctx := testContext(t)
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			t.Fatalf("waited in vain for %s: %v", what, err)
		}
	}
}

// info makes a request that changes nothing.
func info(ctx context.Context, client *Client) error {
	return client.JetStream("").Request(ctx, "INFO", nil, nil)
}

// together calls f from many goroutines at once and returns what it returned.
func together(f func() error) []error {
	errs := make([]error, 50)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() { errs[i] = f() })
	}
	wg.Wait()
	return errs
}

func TestNothingConnectsBeforeTheFirstUse(t *testing.T) {
	newContexts(t)
	lab := natslab.Single(t)
	client := NewClient(Settings{Servers: lab.URLs(), Domain: "hub"}, variables(nil))
	t.Cleanup(client.Close)
	if domain, err := client.Domain(); err != nil || domain != "hub" {
		t.Errorf("domain %q, %v", domain, err)
	}
	_ = client.JetStream("other")
	if n := lab.TotalConnections(); n != 0 {
		t.Errorf("%d connections before the first use", n)
	}
	for _, err := range together(func() error { return info(testContext(t), client) }) {
		if err != nil {
			t.Error(err)
		}
	}
	if n := lab.TotalConnections(); n != 1 {
		t.Errorf("%d connections of concurrent users, not 1", n)
	}
}

func TestCloseAndUseAgain(t *testing.T) {
	lab := natslab.Single(t)
	client := newTestClient(t, Settings{Servers: lab.URLs()})
	client.Close() // there is nothing to close
	for range 2 {
		wantWorks(t, "the client", client)
		client.Close()
		eventually(t, "the connection to end", func() error {
			if lab.ConnectionCount() > 0 {
				return errors.New("it is open")
			}
			return nil
		})
	}
	// nats.go closes a connection by itself when it has tried for too long, or was refused.
	conn, err := client.connected(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	wantWorks(t, "after the connection ended for good", client)
	if n := lab.TotalConnections(); n != 4 {
		t.Errorf("%d connections, not 4", n)
	}
}

// A server that is not there is asked once for all that wait for it, and again later.
func TestUnreachable(t *testing.T) {
	plain, secure := natslab.Single(t), natslab.Single(t, natslab.HandshakeFirst())
	for name, c := range map[string]struct {
		lab  *natslab.Server
		tls  TLS
		fail func(*natslab.Proxy)
		// atMost bounds the time that all callers together take, generously.
		atMost time.Duration
	}{
		"refused":         {plain, TLS{}, (*natslab.Proxy).Cut, 2 * time.Second},
		"silent":          {plain, TLS{}, (*natslab.Proxy).Stall, 5 * time.Second},
		"silent with TLS": {secure, TLS{CAFile: secure.CAFile(), HandshakeFirst: true}, (*natslab.Proxy).Stall, 5 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			proxy := natslab.NewProxy(t, c.lab.ClientURL())
			c.fail(proxy)
			client := newTestClient(t,
				Settings{Servers: []string{proxy.ClientURL()}, TLS: c.tls, ConnectTimeout: 500 * time.Millisecond})
			watch := natslab.StartStopwatch()
			for _, err := range together(func() error { return info(testContext(t), client) }) {
				var unreachable *UnreachableError
				if !errors.As(err, &unreachable) || len(unreachable.Servers) != 1 || unreachable.Servers[0] != proxy.ClientURL() {
					t.Fatalf("the error is %v", err)
				}
				if !IsUnreachable(err) || IsTransient(err) {
					t.Errorf("%v: unreachable %t, transient %t", err, IsUnreachable(err), IsTransient(err))
				}
			}
			if watch.Waited() > c.atMost {
				t.Errorf("50 callers took %s", watch)
			}
			if n := proxy.TotalConnections(); n != 1 {
				t.Errorf("%d attempts for 50 callers, not 1", n)
			}
			proxy.Restore()
			eventually(t, "the server to be asked again", func() error { return info(testContext(t), client) })
		})
	}
}

func TestUnreachableNamesAllServersWithoutSecrets(t *testing.T) {
	newContexts(t)
	client := NewClient(Settings{},
		variables(map[string]string{"NATS_URL": "nats://u:s3cr3t@127.0.0.1:1,nats://127.0.0.1:2"}))
	_, err := client.connected(testContext(t))
	if !IsUnreachable(err) {
		t.Errorf("the error is %v", err)
	}
	checkError(t, err, "no connection to nats://xxxxx@127.0.0.1:1, nats://127.0.0.1:2: ", "s3cr3t")
}

func TestOneOfTheServersIsEnough(t *testing.T) {
	lab := natslab.Single(t)
	for range 4 { // nats.go tries them in any order
		wantWorks(t, "the client", newTestClient(t, Settings{Servers: []string{"nats://127.0.0.1:1", lab.ClientURL()}}))
	}
}

func TestCancelledContext(t *testing.T) {
	lab := natslab.Single(t)
	proxy := natslab.NewProxy(t, lab.ClientURL())
	client := newTestClient(t, Settings{Servers: []string{proxy.ClientURL()}})
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := client.connected(cancelled); !errors.Is(err, context.Canceled) || proxy.TotalConnections() != 0 {
		t.Errorf("before a connection: %v, %d connections", err, proxy.TotalConnections())
	}
	wantWorks(t, "the client", client)
	hold := proxy.HoldReply(1, nil)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-hold.Held()
		cancel()
	}()
	if err := info(ctx, client); !errors.Is(err, context.Canceled) || IsUnreachable(err) {
		t.Errorf("during a request: %v", err)
	}
}

func TestReconnect(t *testing.T) {
	lab := natslab.Single(t)
	client := newTestClient(t, Settings{Servers: lab.URLs()})
	wantWorks(t, "before", client)
	conn, err := client.connected(testContext(t))
	if err != nil {
		t.Fatal(err)
	}

	lab.Shutdown()
	eventually(t, "the connection to be lost", func() error {
		if conn.IsConnected() {
			return errors.New("it is up")
		}
		return nil
	})
	err = info(testContext(t), client)
	var unreachable *UnreachableError
	if !errors.As(err, &unreachable) || !IsTransient(err) {
		t.Errorf("while the server is down: %v", err)
	}

	lab.Restart(t)
	if err := Retry(testContext(t), func(ctx context.Context) error { return info(ctx, client) }); err != nil {
		t.Errorf("after the restart: %v", err)
	}
	if n := lab.TotalConnections(); n != 1 {
		t.Errorf("%d connections after the restart, not 1", n)
	}
}

// What was reported as failed must not be carried out later.
func TestFailedRequestsAreNotSentLater(t *testing.T) {
	lab := natslab.Single(t)
	proxy := natslab.NewProxy(t, lab.ClientURL())
	counted := lab.Requests(t)
	client := newTestClient(t, Settings{Servers: []string{proxy.ClientURL()}, RequestTimeout: time.Second})
	wantWorks(t, "before", client)
	conn, err := client.connected(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	proxy.Cut()
	eventually(t, "the connection to be lost", func() error {
		if conn.IsConnected() {
			return errors.New("it is up")
		}
		return nil
	})
	for _, err := range together(func() error {
		return client.JetStream("").Request(testContext(t), "STREAM.CREATE.LATE", map[string]any{"name": "LATE"}, nil)
	}) {
		if !IsUnreachable(err) {
			t.Fatalf("while the connection is cut: %v", err)
		}
	}
	proxy.Restore()
	if err := Retry(testContext(t), func(ctx context.Context) error { return info(ctx, client) }); err != nil {
		t.Fatal(err)
	}
	if n := counted.Snapshot()["$JS.API.STREAM.CREATE.LATE"]; n != 0 {
		t.Errorf("the server got %d of the requests that were reported as failed", n)
	}
	if n := counted.Snapshot()["$JS.API.INFO"]; n < 2 {
		t.Errorf("the server counted %d requests, not 2, so the count above shows nothing", n)
	}
}

// A request whose answer does not come ends after the request timeout, and says what is known of it.
func TestTimeout(t *testing.T) {
	lab := natslab.Single(t)
	for name, fail := range map[string]func(*natslab.Proxy){
		"the network swallows all": (*natslab.Proxy).Stall,
		"an answer is lost":        func(p *natslab.Proxy) { p.HoldReply(1, nil) },
		"a request is lost":        func(p *natslab.Proxy) { p.HoldRequest(1, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			proxy := natslab.NewProxy(t, lab.ClientURL())
			client := newTestClient(t, Settings{Servers: []string{proxy.ClientURL()}, RequestTimeout: 300 * time.Millisecond})
			eventually(t, "an answer before", func() error { return info(testContext(t), client) })
			fail(proxy)
			began, watch := time.Now(), natslab.StartStopwatch()
			err := info(testContext(t), client)
			var late *TimeoutError
			if !errors.As(err, &late) || late.Subject != "$JS.API.INFO" || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("the error is %v", err)
			}
			if !IsTransient(err) || !IsUnreachable(err) {
				t.Errorf("transient %t, unreachable %t", IsTransient(err), IsUnreachable(err))
			}
			if time.Since(began) < 300*time.Millisecond || watch.Waited() > 5*time.Second {
				t.Errorf("it took %s", watch)
			}
			proxy.Restore()
			eventually(t, "an answer after", func() error { return info(testContext(t), client) })
		})
	}
}

func TestRetry(t *testing.T) {
	transient := []error{
		&TimeoutError{Subject: "x"},
		&UnreachableError{Err: nats.ErrDisconnected},
		&UnreachableError{Err: nats.ErrConnectionClosed},
		&APIError{ErrCode: CodeNoLeader},
		&APIError{ErrCode: CodeClusterNotAvailable},
		&APIError{ErrCode: CodeMoveInProgress},
		&APIError{ErrCode: CodeReconfiguring},
	}
	tries := 0
	for _, failure := range transient {
		tries = 0
		err := Retry(testContext(t), func(context.Context) error {
			if tries++; tries < 3 {
				return failure
			}
			return nil
		})
		if err != nil || tries != 3 {
			t.Errorf("%v: %d tries, %v", failure, tries, err)
		}
	}
	for _, lasting := range []error{
		&UnreachableError{Err: nats.ErrNoServers}, &AuthError{}, &TLSError{}, &PermissionError{}, &NoJetStreamError{},
		&APIError{ErrCode: CodeStreamNotFound}, ErrNoServers, &ServerVersionError{}, context.Canceled,
	} {
		tries = 0
		err := Retry(testContext(t), func(context.Context) error {
			tries++
			return lasting
		})
		if !errors.Is(err, lasting) || tries != 1 {
			t.Errorf("%v after %d tries, not %v after 1", err, tries, lasting)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	err := Retry(ctx, func(context.Context) error {
		cancel()
		return transient[0]
	})
	if !errors.Is(err, transient[0]) {
		t.Errorf("when the context ends: %v", err)
	}
}

func TestCheckVersion(t *testing.T) {
	for version, accepted := range map[string]bool{
		"2.12.0": true, "2.12.15": true, "2.13.0": true, "2.15.2": true, "3.0.0": true, "2.100.0": true, "2.12.0-RC.1": true,
		"2.14.0-dev": true,
		"2.11.99":    false, "2.9.0": false, "1.99.0": false, "2.11.0-preview": false, "": false, "dev": false, "2": false,
		"2.12":    false,
		"v2.12.0": false,
	} {
		err := checkVersion(version)
		var old *ServerVersionError
		if accepted != (err == nil) || err != nil && !errors.As(err, &old) {
			t.Errorf("version %q: %v", version, err)
		}
	}
	checkError(t, checkVersion("2.11.4"), "the server runs nats-server 2.11.4, and 2.12.0 or newer is required")
}
