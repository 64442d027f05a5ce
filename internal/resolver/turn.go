package resolver

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
)

// Those who change an account by way of a Resolver, in whatever process, take turns. Servers know nothing of it: a turn
// is announced to the other resolvers on a subject of the system account, then every server answers a request, and who
// has seen another's announcement by then gives up its own and tries again. Of two at the same time, at least one sees
// the other: an announcement has reached everyone when the one who made it has the answers to what it sent after it.
// Tools that do not take turns are what a record of pushes and [changing.settle] are for.

const (
	// turnLease is how long the turn of a process that has died is respected. It is longer than a change may take.
	turnLease = time.Minute
	// turnGrace is how long others have to repeat their announcements to one who is new.
	turnGrace = 250 * time.Millisecond
	// turnPause is between two looks at whether another's turn is over, and grows into a random wait with each failed
	// attempt.
	turnPause = 20 * time.Millisecond
	// everyone stands for the account in the request to repeat announcements.
	everyone = "PING"
)

// subjectTurn is what turns of an account are announced on. Servers have no subscription that it matches.
func subjectTurn(account string) string {
	return fmt.Sprintf("$SYS.REQ.ACCOUNT.%s.CLAIMS.TURN", account)
}

// turnOf returns the account of an announcement.
func turnOf(subject string) (account string, ok bool) {
	prefix, suffix, _ := strings.Cut(subjectTurn("*"), "*")
	if account, ok = strings.CutPrefix(subject, prefix); ok {
		account, ok = strings.CutSuffix(account, suffix)
	}
	return account, ok
}

// announcement is what is sent: that a turn begins (or still goes on), or that it is over.
type announcement struct {
	ID   string `json:"id"`
	Over bool   `json:"over,omitempty"`
}

// turns are those that a line has seen.
type turns struct {
	// open is when each turn that is not over was last announced, by account and ID.
	open map[string]map[string]time.Time
	// own are the accounts of the turns of this line.
	own map[string]string
}

// see takes note of an announcement. The caller holds the line's lock.
func (t *turns) see(nc *nats.Conn, account string, data []byte) {
	if account == everyone {
		for id, account := range t.own {
			_ = announce(nc, account, announcement{ID: id}) // the record says if the connection is lost
		}
		return
	}
	var a announcement
	if json.Unmarshal(data, &a) != nil || a.ID == "" {
		return
	}
	if a.Over {
		if delete(t.open[account], a.ID); len(t.open[account]) == 0 {
			delete(t.open, account)
		}
		return
	}
	if t.open == nil {
		t.open = map[string]map[string]time.Time{}
	}
	if t.open[account] == nil {
		t.open[account] = map[string]time.Time{}
	}
	t.open[account][a.ID] = time.Now()
}

func announce(nc *nats.Conn, account string, a announcement) error {
	data, err := json.Marshal(a)
	if err != nil {
		return err
	}
	return nc.Publish(subjectTurn(account), data)
}

// askForTurns has the others repeat which turns are theirs, to a line that may have missed it.
func (r *Resolver) askForTurns(ctx context.Context, l *line) error {
	l.mu.Lock()
	l.watch.turns.open = nil
	l.mu.Unlock()
	if err := l.nc.Publish(subjectTurn(everyone), nil); err != nil {
		return err
	}
	return r.clock.Wait(ctx, turnGrace)
}

// errNotMyTurn says that someone else's turn is under way.
var errNotMyTurn = errors.New("others are changing the account")

// turn is a turn of this process. It is one's own once [turn.check] says so.
type turn struct {
	record *record
	id     string
}

// announceTurn begins a turn. The caller ends it.
func (r *record) announceTurn() (*turn, error) {
	t := &turn{record: r, id: rand.Text()}
	l := r.line
	l.mu.Lock()
	if l.watch.turns.own == nil {
		l.watch.turns.own = map[string]string{}
	}
	l.watch.turns.own[t.id] = r.account
	l.mu.Unlock()
	if err := announce(l.nc, r.account, announcement{ID: t.id}); err != nil {
		t.end()
		return nil, err
	}
	return t, nil
}

// end ends the turn.
func (t *turn) end() {
	l := t.record.line
	l.mu.Lock()
	delete(l.watch.turns.own, t.id)
	l.mu.Unlock()
	_ = announce(l.nc, t.record.account, announcement{ID: t.id, Over: true}) // without a connection, its lease runs out
}

// check tells whether nobody else's turn is under way, after all servers have answered something that was sent after
// the announcement.
func (t *turn) check() error {
	own, others := t.seen()
	switch {
	case !t.record.intact():
		return errAgain
	case !own:
		// It comes back from the connected server before any answer does.
		return &natsconn.PermissionError{Subject: subjectTurn(t.record.account), Publish: true}
	case others:
		return errNotMyTurn
	}
	return nil
}

// seen tells whose announcements of the account have been seen and are not over.
func (t *turn) seen() (own, others bool) {
	l := t.record.line
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, at := range l.watch.turns.open[t.record.account] {
		switch {
		case id == t.id:
			own = true
		case time.Since(at) < turnLease:
			others = true
		}
	}
	return own, others
}

// await waits until no other turn is seen, and then for a random time, so that those who wait do not all come at once.
// The turn must have ended.
func (t *turn) await(ctx context.Context, clock claims.Clock, attempt int) error {
	for {
		if _, others := t.seen(); !others || !t.record.intact() { // what is over may have been missed
			break
		}
		if err := clock.Wait(ctx, turnPause); err != nil {
			return err
		}
	}
	return clock.Wait(ctx, time.Duration(mathrand.Int64N(int64(attempt)*int64(turnPause))))
}
