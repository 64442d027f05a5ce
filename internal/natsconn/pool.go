package natsconn

import (
	"context"
	"fmt"
	"sync"
)

// pool bounds how many of its clients are connected at a time. The client that was not used for the longest time is disconnected
// first, and never one that waits for an answer.
type pool struct {
	limit int

	mu sync.Mutex
	// places are those of the clients that may be connected.
	places map[*Client]*place
	// uses counts how often a client was used.
	uses uint64
	// idle is closed, and made anew, whenever a client stops being in use.
	idle chan struct{}
}

// place is the right to be connected.
type place struct {
	// users counts those who use the connection at the moment, and last is which of all uses the last one was.
	users int
	last  uint64
}

func newPool(limit int) *pool {
	return &pool{limit: limit, places: map[*Client]*place{}, idle: make(chan struct{})}
}

// enter gives the client a place until leave is called. While all are in use it waits, as long as ctx allows. The error wraps that of ctx.
func (p *pool) enter(ctx context.Context, c *Client) error {
	for {
		entered, idle := p.tryEnter(c)
		if entered {
			return nil
		}
		select {
		case <-idle:
		case <-ctx.Done():
			return fmt.Errorf("all of the %d connections to accounts were in use, by other resources, until the time was over: %w", p.limit, ctx.Err())
		}
	}
}

// tryEnter gives the client a place if there is one, or else returns what is closed once it is worth another try.
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

// evict disconnects the client that was not used for the longest time, and tells whether there was one. It closes the connection
// before it lets go of the lock, so that there are never more than allowed.
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

// leave tells that one of the client's users is done.
func (p *pool) leave(c *Client) {
	p.mu.Lock()
	defer p.mu.Unlock()
	own := p.places[c]
	if own.users--; own.users == 0 {
		close(p.idle)
		p.idle = make(chan struct{})
	}
}
