package natslab

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// through connects to a server through a proxy.
func through(t *testing.T, p *Proxy, opts ...nats.Option) *nats.Conn {
	t.Helper()
	all := []nats.Option{nats.MaxReconnects(-1), nats.ReconnectWait(reconnectWait)}
	nc, err := nats.Connect(p.ClientURL(), append(all, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}

func wantHeld(t *testing.T, h *Hold, subject string) {
	t.Helper()
	select {
	case <-h.Held():
	case <-testContext(t).Done():
		t.Fatal("nothing was held")
	}
	if got := h.Subject(); got != subject {
		t.Errorf("held the request %s, want %s", got, subject)
	}
}

// request sends a request for stream names in the background.
func request(t *testing.T, nc *nats.Conn, subject string) <-chan error {
	t.Helper()
	result := make(chan error, 1)
	ctx := testContext(t)
	go func() {
		_, err := nc.RequestWithContext(ctx, subject, nil)
		result <- err
	}()
	return result
}

func wantResult(t *testing.T, result <-chan error) {
	t.Helper()
	if err := <-result; err != nil {
		t.Errorf("request: %v", err)
	}
}

func TestProxyPassesEverything(t *testing.T) {
	s := Single(t, UserPassword("u", "p"))
	p := NewProxy(t, s.ClientURL())
	nc := through(t, p, nats.UserInfo("u", "p"))
	js := newJetStream(t, nc)
	fill(t, js, "DATA", 1, 3)
	ctx := testContext(t)
	// Payloads of all sizes, some of which contain lines that look like the protocol.
	for _, size := range []int{0, 1, 100, 64 << 10, 1 << 19} {
		payload := bytes.Repeat([]byte("PUB x 1\r\n"), size/9+1)[:size]
		m := nats.NewMsg("DATA.sized")
		m.Header.Set("Size", fmt.Sprint(size))
		m.Data = payload
		ack, err := js.PublishMsg(ctx, m)
		if err != nil {
			t.Fatal(err)
		}
		stream, err := js.Stream(ctx, "DATA")
		if err != nil {
			t.Fatal(err)
		}
		got, err := stream.GetMsg(ctx, ack.Sequence)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got.Data, payload) || got.Header.Get("Size") != fmt.Sprint(size) {
			t.Errorf("a payload of %d bytes was returned as %d bytes", size, len(got.Data))
		}
	}
	if _, err := nats.Connect(p.ClientURL()); !errors.Is(err, nats.ErrAuthorization) {
		t.Errorf("without a password: %v", err)
	}
}

func TestProxyCounts(t *testing.T) {
	s := Single(t)
	p := NewProxy(t, s.ClientURL())
	nc := through(t, p)
	js := newJetStream(t, nc)
	through(t, p)
	if open, total := p.ConnectionCount(), p.TotalConnections(); open != 2 || total != 2 {
		t.Errorf("%d open connections and %d in total, want 2 and 2", open, total)
	}
	for range 3 {
		if _, err := js.AccountInfo(testContext(t)); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(map[string]int{"$JS.API.INFO": 3}, p.Requests()); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	p.ResetRequests()
	if got := p.Requests(); len(got) != 0 {
		t.Errorf("after ResetRequests: %v", got)
	}
	nc.Close()
	eventually(t, "the proxy to notice", func() error {
		if p.ConnectionCount() != 1 {
			return errors.New("the connection is still open")
		}
		return nil
	})
	if s.TotalConnections() != 2 {
		t.Errorf("the server saw %d connections, want 2", s.TotalConnections())
	}
}

func TestProxyHoldsRequest(t *testing.T) {
	s := Single(t)
	p := NewProxy(t, s.ClientURL())
	nc := through(t, p)
	seen := s.Requests(t)
	const subject = "$JS.API.STREAM.NAMES"

	hold := p.HoldRequest(2, nil)
	wantResult(t, request(t, nc, subject))
	second := request(t, nc, subject)
	wantHeld(t, hold, subject)
	// The others pass, and the held request has not reached the server.
	wantResult(t, request(t, nc, subject))
	if got := seen.Snapshot()[subject]; got != 2 {
		t.Errorf("the server saw %d requests, want 2", got)
	}
	hold.Forward()
	wantResult(t, second)
	hold.Drop() // too late to do anything
	if got := seen.Snapshot()[subject]; got != 3 {
		t.Errorf("the server saw %d requests, want 3", got)
	}
}

func TestProxyDropsRequest(t *testing.T) {
	s := Single(t)
	p := NewProxy(t, s.ClientURL())
	nc := through(t, p)
	js := newJetStream(t, nc)
	create := func(subject string) bool { return strings.HasPrefix(subject, "$JS.API.STREAM.CREATE.") }
	hold := p.HoldRequest(1, create)
	ctx, cancel := context.WithCancel(testContext(t))
	result := make(chan error, 1)
	go func() {
		_, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: "DATA"})
		result <- err
	}()
	wantHeld(t, hold, "$JS.API.STREAM.CREATE.DATA")
	hold.Drop()
	cancel()
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Errorf("the dropped request: %v", err)
	}
	if _, err := js.Stream(testContext(t), "DATA"); !errors.Is(err, jetstream.ErrStreamNotFound) {
		t.Errorf("the stream: %v, want an error that it does not exist", err)
	}
}

func TestProxyHoldsReply(t *testing.T) {
	s := Single(t)
	p := NewProxy(t, s.ClientURL())
	nc := through(t, p)
	js := newJetStream(t, nc)
	create := func(subject string) bool { return strings.HasPrefix(subject, "$JS.API.STREAM.CREATE.") }
	hold := p.HoldReply(2, create)
	result := make(chan error, 2)
	ctx := testContext(t)
	go func() {
		for _, name := range []string{"ONE", "TWO"} {
			_, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: name})
			result <- err
		}
	}()
	wantResult(t, result)
	wantHeld(t, hold, "$JS.API.STREAM.CREATE.TWO")
	// The server has created the stream, but the client does not know.
	if _, err := newJetStream(t, s.Connect(t)).Stream(ctx, "TWO"); err != nil {
		t.Errorf("the stream: %v", err)
	}
	select {
	case err := <-result:
		t.Errorf("the client received its reply: %v", err)
	default:
	}
	hold.Forward()
	wantResult(t, result)
}

func TestProxyHoldMayEndBeforeItHolds(t *testing.T) {
	s := Single(t)
	p := NewProxy(t, s.ClientURL())
	nc := through(t, p)
	p.HoldRequest(1, nil).Drop()
	p.HoldReply(1, nil).Forward()
	// If two holds wait for the same request, the second one takes the next request.
	first, second := p.HoldRequest(1, nil), p.HoldRequest(1, nil)
	one := request(t, nc, "$JS.API.INFO")
	wantHeld(t, first, "$JS.API.INFO")
	two := request(t, nc, "$JS.API.STREAM.NAMES")
	wantHeld(t, second, "$JS.API.STREAM.NAMES")
	second.Forward()
	wantResult(t, two)
	first.Forward()
	wantResult(t, one)
}

// TestProxyServerDiesDuringRequest covers the main purpose of the proxy: the server dies after it has processed a
// request and before it has sent the reply.
func TestProxyServerDiesDuringRequest(t *testing.T) {
	s := Process(t)
	p := NewProxy(t, s.ClientURL())
	nc := through(t, p)
	js := newJetStream(t, nc)
	hold := p.HoldReply(1, nil)
	ctx, cancel := context.WithCancel(testContext(t))
	result := make(chan error, 1)
	go func() {
		_, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: "DATA"})
		result <- err
	}()
	wantHeld(t, hold, "$JS.API.STREAM.CREATE.DATA")
	s.Kill()
	eventually(t, "the client to be disconnected", func() error {
		if nc.IsConnected() {
			return errors.New("still connected")
		}
		return nil
	})
	hold.Forward() // has no effect because its connection is closed
	cancel()
	if err := <-result; err == nil {
		t.Error("the client received its reply")
	}
	s.Restart(t)
	eventually(t, "the client to reconnect", func() error { return nc.FlushTimeout(probeTimeout) })
	if _, err := js.Stream(testContext(t), "DATA"); err != nil {
		t.Errorf("the stream after the restart: %v", err)
	}
}

func TestProxyCutAndRestore(t *testing.T) {
	s := Single(t)
	p := NewProxy(t, s.ClientURL())
	nc := through(t, p)
	p.Cut()
	eventually(t, "the client to be disconnected", func() error {
		if nc.IsConnected() || s.ConnectionCount() != 0 {
			return errors.New("still connected")
		}
		return nil
	})
	if _, err := nats.Connect(p.ClientURL()); err == nil {
		t.Error("connected over a cut link")
	}
	p.Restore()
	eventually(t, "the client to reconnect", func() error { return nc.FlushTimeout(probeTimeout) })
}

func TestProxyStallAndRestore(t *testing.T) {
	s := Single(t)
	p := NewProxy(t, s.ClientURL())
	nc := through(t, p)
	p.Stall()
	p.Stall()
	if err := nc.FlushTimeout(100 * time.Millisecond); !errors.Is(err, nats.ErrTimeout) {
		t.Errorf("over a stalled link: %v, want a timeout", err)
	}
	if !nc.IsConnected() || s.ConnectionCount() != 1 {
		t.Error("the stalled link was closed")
	}
	if _, err := nats.Connect(p.ClientURL(), nats.Timeout(100*time.Millisecond)); err == nil {
		t.Error("connected over a stalled link")
	}
	late := request(t, nc, "$JS.API.INFO")
	p.Restore()
	wantResult(t, late)
}

func TestProxyLatency(t *testing.T) {
	s := Single(t)
	p := NewProxy(t, s.ClientURL())
	nc := through(t, p)
	roundTrip := func() time.Duration {
		rtt, err := nc.RTT()
		if err != nil {
			t.Fatal(err)
		}
		return rtt
	}
	for _, tt := range []struct{ up, down time.Duration }{
		{40 * time.Millisecond, 0}, {0, 40 * time.Millisecond}, {30 * time.Millisecond, 20 * time.Millisecond},
	} {
		p.SetLatency(tt.up, tt.down)
		if rtt := roundTrip(); rtt < tt.up+tt.down {
			t.Errorf("a round trip of %s with %s up and %s down", rtt, tt.up, tt.down)
		}
	}
	// Many messages are in transit at the same time, in order.
	const n = 100
	got := make(chan string, n)
	if _, err := nc.Subscribe("order", func(m *nats.Msg) { got <- string(m.Data) }); err != nil {
		t.Fatal(err)
	}
	watch := StartStopwatch()
	for i := range n {
		if err := nc.Publish("order", fmt.Append(nil, i)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range n {
		if m := <-got; m != fmt.Sprint(i) {
			t.Fatalf("message %d is %s", i, m)
		}
	}
	if watch.Waited() > n*50*time.Millisecond/2 {
		t.Errorf("%d messages took %s: they waited for each other", n, watch)
	}
	p.SetLatency(0, 0)
	eventually(t, "a round trip without latency", func() error {
		if rtt := roundTrip(); rtt > 20*time.Millisecond {
			return fmt.Errorf("it took %s", rtt)
		}
		return nil
	})
}

func TestProxyOfClusterIsTheOnlyWay(t *testing.T) {
	t.Parallel()
	c := Cluster(t, 3)
	for _, s := range c.Servers() {
		direct := s.Connect(t)
		if len(direct.DiscoveredServers()) == 0 {
			t.Fatal("the server advertises no other servers, so the proxy has nothing to hide")
		}
		nc := through(t, NewProxy(t, s.ClientURL()))
		if got := nc.DiscoveredServers(); len(got) != 0 {
			t.Errorf("the client knows addresses that bypass the proxy: %v", got)
		}
	}
	// When a server shuts down, the others send their clients a new INFO.
	p := NewProxy(t, c.Servers()[0].ClientURL())
	conn, err := net.DialTimeout("tcp4", address(p.port.number), dialTimeout)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := fmt.Fprint(conn, "CONNECT {\"protocol\":1,\"verbose\":false}\r\nPING\r\n"); err != nil {
		t.Fatal(err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(startTimeout)); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(conn)
	for infos := 0; infos < 2; {
		op, err := readOperation(r)
		if err != nil {
			t.Fatal(err)
		}
		switch op.name {
		case "INFO":
			infos++
			if bytes.Contains(op.raw, []byte("connect_urls")) {
				t.Errorf("INFO with addresses that bypass the proxy: %s", op.raw)
			}
		case "PONG":
			c.Servers()[2].Shutdown()
		}
	}
}

func TestProxyPassesTLS(t *testing.T) {
	for name, opt := range map[string]Option{"after INFO": TLS(), "before INFO": HandshakeFirst()} {
		t.Run(name, func(t *testing.T) {
			s := Single(t, opt, VerifyClients())
			p := NewProxy(t, s.ClientURL())
			nc := through(t, p, s.ClientOptions()...)
			if _, err := newJetStream(t, nc).AccountInfo(testContext(t)); err != nil {
				t.Fatal(err)
			}
			p.SetLatency(30*time.Millisecond, 0)
			if rtt, err := nc.RTT(); err != nil || rtt < 30*time.Millisecond {
				t.Errorf("a round trip of %s, %v", rtt, err)
			}
			p.Cut()
			eventually(t, "the client to be disconnected", func() error {
				if nc.IsConnected() {
					return errors.New("still connected")
				}
				return nil
			})
		})
	}
}

func TestProxyStopLeavesNothing(t *testing.T) {
	s := Single(t)
	p, err := StartProxy(s.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	nc := through(t, p)
	p.HoldRequest(1, nil)
	p.Stall()
	if err := nc.Publish("x", nil); err != nil {
		t.Fatal(err)
	}
	p.Stop()
	wantClosed(t, p.port.number)
	wantNoGoroutines(t, "natslab.(*Proxy)", "natslab.(*link)", "natslab.(*pipe)")
	if _, err := StartProxy("nowhere"); err == nil {
		t.Error("a proxy to an address without a port started")
	}
}
