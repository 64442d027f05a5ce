package resolver

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats.go"

	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
)

// watched are the subjects that accounts are pushed to and deleted by, the old one of nats-server's events.go included.
var watched = []string{
	subjectUpdate, "$SYS.REQ.ACCOUNT.*.CLAIMS.UPDATE", "$SYS.ACCOUNT.*.CLAIMS.UPDATE", subjectDelete, subjectTurn("*"),
}

// watch hands the pushes of a line to those who change accounts.
type watch struct {
	// subscribed is set once the line has the pushes.
	subscribed bool
	// proven is how often the connection had been made anew, plus one, when every server was known to pass pushes on to
	// it.
	proven  uint64
	records map[*record]struct{}
	turns   turns
}

// record is the pushes of one account that were seen since it was opened, in the order in which they came.
type record struct {
	line *line
	// connected is how often the connection had been made anew when the record was opened.
	connected uint64
	account   string
	// own are the tokens that were pushed by the record's owner.
	own    map[string]bool
	pushes []push
}

// push is one push, or the deletion if it has no token.
type push struct {
	token     string
	account   *claims.Account
	signature claims.Signature
	own       bool
}

// see takes note of a message. The caller holds the line's lock.
func (w *watch) see(nc *nats.Conn, msg *nats.Msg) {
	if account, ok := turnOf(msg.Subject); ok {
		w.turns.see(nc, account, msg.Data)
		return
	}
	if len(w.records) == 0 || len(msg.Data) > natsconn.MaxAnswer {
		return
	}
	if msg.Subject == subjectDelete {
		for _, account := range deletedBy(string(msg.Data)) {
			w.note(account, push{})
		}
		return
	}
	account, signature, err := claims.DecodeAccount(string(msg.Data))
	if err != nil {
		return // servers refuse it too
	}
	w.note(account.PublicKey, push{token: strings.TrimSpace(string(msg.Data)), account: account, signature: signature})
}

func (w *watch) note(account string, p push) {
	for r := range w.records {
		if r.account == account {
			p.own = r.own[p.token]
			r.pushes = append(r.pushes, p)
		}
	}
}

// deletedBy returns the accounts that a request to delete names.
func deletedBy(token string) []string {
	claims, err := jwt.DecodeGeneric(token)
	if err != nil {
		return nil
	}
	named, _ := claims.Data["accounts"].([]any)
	var accounts []string
	for _, name := range named {
		if account, ok := name.(string); ok {
			accounts = append(accounts, account)
		}
	}
	return accounts
}

// record starts to take note of the account's pushes by everyone. What is pushed by way of any server after it has
// returned is seen, as long as the connection lasts. The caller closes it.
func (r *Resolver) record(ctx context.Context, account string) (*record, error) {
	r.watching.Lock()
	defer r.watching.Unlock()
	for {
		rec, proven, err := r.openRecord(ctx, account)
		if err != nil || proven {
			return rec, err
		}
		// A server that answers what was published after the subscriptions has got them before that.
		if _, _, err = r.ping(ctx); err == nil {
			err = r.askForTurns(ctx, rec.line)
		}
		connected := rec.connected
		if err == nil && rec.intact() {
			rec.line.mu.Lock()
			rec.line.watch.proven = connected + 1
			rec.line.mu.Unlock()
			return rec, nil
		}
		rec.close()
		if err != nil {
			return nil, err
		}
	}
}

// openRecord opens a record, and tells whether all servers are known to pass pushes on.
func (r *Resolver) openRecord(ctx context.Context, account string) (rec *record, proven bool, err error) {
	err = r.system.client.Exchange(ctx, subjectPing, func(_ context.Context, nc *nats.Conn) error {
		l, err := r.system.on(nc)
		if err != nil {
			return err
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		if !l.watch.subscribed {
			for _, subject := range watched {
				if _, err := nc.ChanSubscribe(subject, l.arriving); err != nil {
					return err
				}
			}
			l.watch.subscribed, l.watch.records = true, map[*record]struct{}{}
		}
		rec = &record{line: l, account: account, connected: nc.Stats().Reconnects, own: map[string]bool{}}
		l.watch.records[rec] = struct{}{}
		proven = l.watch.proven == rec.connected+1
		return nil
	})
	return rec, proven, err
}

// intact tells whether the connection has lasted since the record was opened.
func (r *record) intact() bool {
	return r.line.nc.IsConnected() && r.line.nc.Stats().Reconnects == r.connected
}

func (r *record) close() {
	r.line.mu.Lock()
	defer r.line.mu.Unlock()
	delete(r.line.watch.records, r)
}

// pushing says that a push of the owner's is about to be sent.
func (r *record) pushing(token string) {
	r.line.mu.Lock()
	defer r.line.mu.Unlock()
	r.own[token] = true
}

// seen returns what has been seen so far.
func (r *record) seen() []push {
	r.line.mu.Lock()
	defer r.line.mu.Unlock()
	return slices.Clone(r.pushes)
}

// foreign returns the last push of someone else's, nil if there is none.
func foreign(pushes []push) *push {
	for _, p := range slices.Backward(pushes) {
		if !p.own {
			return &p
		}
	}
	return nil
}

// before returns the pushes of others that were seen before the first one of the owner's.
func before(pushes []push) []push {
	if i := slices.IndexFunc(pushes, func(p push) bool { return p.own }); i >= 0 {
		return pushes[:i]
	}
	return pushes
}

// newest returns the push that servers keep when they compare their stores. Of two of one second, which servers do not
// order, it is the same for everyone who asks. There must be one.
func newest(pushes []push) push {
	return slices.MaxFunc(pushes, func(a, b push) int {
		if c := a.signature.IssuedAt.Compare(b.signature.IssuedAt); c != 0 {
			return c
		}
		return strings.Compare(a.token, b.token)
	})
}

// conflict says that the account was changed by the push.
func (p *push) conflict(account string, pushed bool) *ConflictError {
	return &ConflictError{Account: account, Pushed: pushed, Issuer: p.signature.Issuer}
}

// errLost is why nobody knows what others pushed.
var errLost = fmt.Errorf("the connection to the system account was lost meanwhile, and with it the sight of what "+
	"others push: %w", nats.ErrDisconnected)
