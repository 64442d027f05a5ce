package natsconn

import (
	"container/list"
	"context"
	"sync"
)

// pool bounds how many of its clients are connected at a time. The client that was not used for the longest time is disconnected
// first, and never one that waits for an answer.
type pool struct {
	limit int

	mu sync.Mutex
	// places has a *place for each client that may be connected, the one used last in front.
	places  *list.List
	byOwner map[*Client]*list.Element
	// idle is closed, and made anew, whenever a client stops being in use.
	idle chan struct{}
}

// place is the right to be connected.
type place struct {
	owner *Client
	// users counts those who use the connection at the moment.
	users int
}

func newPool(limit int) *pool {
	return &pool{limit: limit, places: list.New(), byOwner: map[*Client]*list.Element{}, idle: make(chan struct{})}
}

// enter gives the client a place until leave is called. While all are in use it waits, as long as ctx allows.
func (p *pool) enter(ctx context.Context, c *Client) error {
	for {
		entered, idle := p.tryEnter(c)
		if entered {
			return nil
		}
		select {
		case <-idle:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// tryEnter gives the client a place if there is one, or else returns what is closed once it is worth another try.
func (p *pool) tryEnter(c *Client) (entered bool, idle <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if element := p.byOwner[c]; element != nil {
		element.Value.(*place).users++ //nolint:forcetypeassert // nothing else is in the list
		p.places.MoveToFront(element)
		return true, nil
	}
	if p.places.Len() >= p.limit && !p.evict() {
		return false, p.idle
	}
	p.byOwner[c] = p.places.PushFront(&place{owner: c, users: 1})
	return true, nil
}

// evict disconnects the client that was not used for the longest time, and tells whether there was one. It closes the connection
// before it lets go of the lock, so that there are never more than allowed.
func (p *pool) evict() bool {
	for element := p.places.Back(); element != nil; element = element.Prev() {
		candidate := element.Value.(*place) //nolint:forcetypeassert // nothing else is in the list
		if candidate.users > 0 {
			continue
		}
		p.places.Remove(element)
		delete(p.byOwner, candidate.owner)
		candidate.owner.Close()
		return true
	}
	return false
}

// leave tells that one of the client's users is done.
func (p *pool) leave(c *Client) {
	p.mu.Lock()
	defer p.mu.Unlock()
	used := p.byOwner[c].Value.(*place) //nolint:forcetypeassert // nothing else is in the list
	if used.users--; used.users == 0 {
		close(p.idle)
		p.idle = make(chan struct{})
	}
}
