package natsconn

import (
	"errors"
	"sync"
	"time"
)

// outage is a failure to reach servers that one client has waited for, and that others of the same servers need not wait for again. A nil
// outage is of a client that has no others beside it.
type outage struct {
	mu  sync.Mutex
	err error
	at  time.Time
}

// note tells of a failure that comes from the servers, whoever connects. Any other counts for its client alone.
func (o *outage) note(err error) {
	if _, ok := errors.AsType[*UnreachableError](err); !ok || o == nil {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.err, o.at = err, time.Now()
}

// since returns the failure that was told of not longer than that ago.
func (o *outage) since(ago time.Duration) error {
	if o == nil {
		return nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if time.Since(o.at) >= ago {
		return nil
	}
	return o.err
}
