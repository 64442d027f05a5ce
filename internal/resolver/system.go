package resolver

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
)

// Requests of the system account, from server/events.go. All servers answer them, each with a message of its own.
const (
	subjectPing   = "$SYS.REQ.SERVER.PING"
	subjectVarz   = "$SYS.REQ.SERVER.PING.VARZ"
	subjectJsz    = "$SYS.REQ.SERVER.PING.JSZ"
	subjectUpdate = "$SYS.REQ.CLAIMS.UPDATE"
	subjectDelete = "$SYS.REQ.CLAIMS.DELETE"
	subjectList   = "$SYS.REQ.CLAIMS.LIST"
)

// subjectLookup asks for one account.
func subjectLookup(publicKey string) string {
	return fmt.Sprintf("$SYS.REQ.ACCOUNT.%s.CLAIMS.LOOKUP", publicKey)
}

// SystemPermissions are what a user of the system account needs for all that a [Resolver] does.
func SystemPermissions() claims.Permissions {
	return claims.Permissions{
		Publish: claims.Permission{Allow: []string{
			subjectPing, subjectVarz, subjectJsz, subjectUpdate, subjectDelete, subjectList, subjectLookup("*"),
			subjectTurn("*"), subjectUsage,
			subjectConnections("*"), subjectInfo("*"),
		}},
		Subscribe: claims.Permission{Allow: append([]string{"_INBOX.>", subjectTurn("*")}, watched...)},
	}
}

const (
	// stall is how long after one answer the next one may come. It only counts where fewer servers answer than there
	// should be.
	stall = time.Second
	// arrivals is how many messages of a line may wait to be looked at.
	arrivals = 1 << 16
	// maxAnswers and maxGathered bound the answers to one request, in number and in bytes.
	maxAnswers, maxGathered = 1 << 12, 8 * natsconn.MaxAnswer
)

// system is the connection of a user of the system account.
type system struct {
	client *natsconn.Client

	mu   sync.Mutex
	line *line
}

// line is one connection with everything that arrives for the resolver in one order: answers, and the pushes of
// everyone. Whoever has an answer of a server therefore has seen every push that came to this connection before it.
type line struct {
	nc       *nats.Conn
	inbox    string
	arriving chan *nats.Msg

	mu      sync.Mutex
	opened  int
	gathers map[string]*gather
	watch   watch
}

// gather collects the answers to one request.
type gather struct {
	answers []*nats.Msg
	// size is that of the answers, in bytes, and refused that of one that was too much.
	size, refused int
	// arrived holds a token once there are new answers.
	arrived chan struct{}
}

// on returns the line of this connection, a new one if the connection is new.
func (s *system) on(nc *nats.Conn) (*line, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.line != nil && s.line.nc == nc {
		return s.line, nil
	}
	l := &line{nc: nc, inbox: nc.NewInbox(), arriving: make(chan *nats.Msg, arrivals), gathers: map[string]*gather{}}
	if _, err := nc.ChanSubscribe(l.inbox+".*", l.arriving); err != nil {
		return nil, err
	}
	go l.receive(nc.StatusChanged(nats.CLOSED))
	s.line = l
	return l, nil
}

// receive looks at what arrives until the connection closes.
func (l *line) receive(closed <-chan nats.Status) {
	for {
		select {
		case msg := <-l.arriving:
			l.dispatch(msg)
		case <-closed:
			return
		}
	}
}

func (l *line) dispatch(msg *nats.Msg) {
	l.mu.Lock()
	defer l.mu.Unlock()
	g, ok := l.gathers[msg.Subject]
	if !ok {
		l.watch.see(l.nc, msg)
		return
	}
	if size := len(msg.Data); size > natsconn.MaxAnswer || g.size+size > maxGathered || len(g.answers) >= maxAnswers {
		g.refused = max(size, 1)
	} else {
		g.answers, g.size = append(g.answers, msg), g.size+size
	}
	select {
	case g.arrived <- struct{}{}:
	default:
	}
}

// open starts to collect answers on a subject of its own.
func (l *line) open() (g *gather, inbox string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.opened++
	inbox = fmt.Sprintf("%s.%d", l.inbox, l.opened)
	g = &gather{arrived: make(chan struct{}, 1)}
	l.gathers[inbox] = g
	return g, inbox
}

func (l *line) close(inbox string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.gathers, inbox)
}

// gather sends a request and collects answers until they are enough, or until none has come for a while after the last
// one. Errors: [nats.ErrNoResponders] and those of [natsconn.Client.Exchange]; no answer at all is a
// [*natsconn.TimeoutError].
func (s *system) gather(
	ctx context.Context, subject string, data []byte, enough func(answers []*nats.Msg) bool,
) (answers []*nats.Msg, err error) {
	err = s.client.Exchange(ctx, subject, func(ctx context.Context, nc *nats.Conn) error {
		l, err := s.on(nc)
		if err != nil {
			return err
		}
		g, inbox := l.open()
		defer l.close(inbox)
		if limit := nc.MaxPayload(); int64(len(data)) > limit {
			return &natsconn.PayloadError{What: "the request to " + subject, Size: int64(len(data)), Limit: limit}
		}
		if err := nc.PublishMsg(&nats.Msg{Subject: subject, Reply: inbox, Data: data}); err != nil {
			return err
		}
		answers, err = l.collect(ctx, subject, g, enough)
		return err
	})
	return answers, err
}

// repeat is gather for a request that changes nothing: in an operation that waits for servers which are away, it is
// repeated until it is answered.
func (s *system) repeat(
	ctx context.Context, subject string, data []byte, enough func(answers []*nats.Msg) bool,
) (answers []*nats.Msg, err error) {
	if !natsconn.Waits(ctx) {
		return s.gather(ctx, subject, data, enough)
	}
	err = natsconn.Retry(ctx, func(ctx context.Context) error {
		answers, err = s.gather(ctx, subject, data, enough)
		return err
	})
	return answers, err
}

func (l *line) collect(
	ctx context.Context, subject string, g *gather, enough func([]*nats.Msg) bool,
) ([]*nats.Msg, error) {
	stalled := time.NewTimer(0)
	stalled.Stop() // there is no hurry before the first answer
	defer stalled.Stop()
	for {
		select {
		case <-g.arrived:
			answers, refused := l.answers(g)
			if refused > 0 {
				return nil, &natsconn.AnswerError{Asked: subject,
					Got: fmt.Sprintf("with %d answers and then one of %d bytes, which is more than is read",
						len(answers), refused)}
			}
			if slices.ContainsFunc(answers, func(msg *nats.Msg) bool { return msg.Header.Get("Status") == "503" }) {
				return nil, nats.ErrNoResponders
			}
			if enough(answers) {
				return answers, nil
			}
			stalled.Reset(stall)
		case <-stalled.C:
			answers, _ := l.answers(g)
			return answers, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// answers returns what has been collected so far, and the size of an answer that was too much, 0 if none was.
func (l *line) answers(g *gather) (answers []*nats.Msg, refused int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clip(g.answers), g.refused
}

// atLeast is enough for a gather of n answers.
func atLeast(n int) func([]*nats.Msg) bool {
	return func(answers []*nats.Msg) bool { return len(answers) >= n }
}
