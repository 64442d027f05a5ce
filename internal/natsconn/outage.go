package natsconn

import (
	"errors"
	"sync"
	"time"
)

// outage is a failed attempt to reach servers. Other clients of the same servers use it instead of waiting again. It is
// nil for a client that shares its servers with no other client.
type outage struct {
	mu  sync.Mutex
	err error
	at  time.Time
}

// note records a failure if it applies to all clients of the servers.
func (o *outage) note(err error) {
	if _, ok := errors.AsType[*UnreachableError](err); !ok || o == nil {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.err, o.at = err, time.Now()
}

// since returns the failure if it was recorded less than ago before now.
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
