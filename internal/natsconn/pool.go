package natsconn

import (
	"context"
	"fmt"
	"sync"
)

// pool limits the number of connected clients. It disconnects the least recently used client first, and never a client
// that waits for a response.
type pool struct {
	limit int

	mu sync.Mutex
	// places holds the places of the clients that may be connected.
	places map[*Client]*place
	// uses counts the uses of all clients.
	uses uint64
	// idle is closed and replaced whenever a client is no longer in use.
	idle chan struct{}
}

// place is the right to be connected.
type place struct {
	// users is the number of callers that use the connection. last is the value of uses at the last use.
	users int
	last  uint64
}

func newPool(limit int) *pool {
	return &pool{limit: limit, places: map[*Client]*place{}, idle: make(chan struct{})}
}

// enter gives the client a place until leave is called. It waits until a place is free or ctx ends. The error wraps the
// error of ctx.
func (p *pool) enter(ctx context.Context, c *Client) error {
	for {
		entered, idle := p.tryEnter(c)
		if entered {
			return nil
		}
		select {
		case <-idle:
		case <-ctx.Done():
			return fmt.Errorf("all %d connections to accounts were in use by other resources until the wait ended: %w", p.limit,
				ctx.Err())
		}
	}
}

// tryEnter gives the client a place if one is free. Otherwise it returns a channel that is closed when the caller
// should try again.
func (p *pool) tryEnter(c *Client) (entered bool, idle <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	own := p.places[c]
	if own == nil {
		if len(p.places) >= p.limit && !p.evict() {
			return false, p.idle
		}
		own = &place{}
		p.places[c] = own
	}
	p.uses++
	own.users, own.last = own.users+1, p.uses
	return true, nil
}

// evict disconnects the least recently used idle client, and reports whether there was one. It closes the connection
// while the caller holds the lock, so the limit is never exceeded.
func (p *pool) evict() bool {
	var oldest *Client
	for c, candidate := range p.places {
		if candidate.users == 0 && (oldest == nil || candidate.last < p.places[oldest].last) {
			oldest = c
		}
	}
	if oldest == nil {
		return false
	}
	delete(p.places, oldest)
	oldest.Close()
	return true
}

// leave ends one use of the client.
func (p *pool) leave(c *Client) {
	p.mu.Lock()
	defer p.mu.Unlock()
	own := p.places[c]
	if own.users--; own.users == 0 {
		close(p.idle)
		p.idle = make(chan struct{})
	}
}
