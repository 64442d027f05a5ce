package natsconn

import (
	"context"
	"errors"

	"github.com/nats-io/nats.go"
)

// MaxPayload returns how large a message of the client's user may be, in bytes. The server says it along with its first answer to the
// connection, so a request comes before.
func (c *Client) MaxPayload(ctx context.Context) (size int64, err error) {
	err = c.Use(ctx, func(nc *nats.Conn) error {
		size = nc.MaxPayload()
		return nil
	})
	return size, err
}

// TrySubscriptions subscribes to inboxes until the connection has as many subscriptions as are wanted, that of the answers to its
// requests included, and takes them back. It returns how many it may have, at most those. A request comes before.
func (c *Client) TrySubscriptions(ctx context.Context, want int) (have int, err error) {
	const probe = "subscriptions" // not a subject: a connection reports no publish of it
	err = c.Exchange(ctx, probe, func(ctx context.Context, nc *nats.Conn) error {
		var subs []*nats.Subscription
		defer func() {
			for _, sub := range subs {
				_ = sub.Unsubscribe()
			}
		}()
		for have = 1; have < want; have++ {
			sub, err := nc.SubscribeSync(nc.NewInbox())
			if err != nil {
				return err
			}
			subs = append(subs, sub)
			if err := nc.FlushWithContext(ctx); err != nil {
				return err
			}
			if errors.Is(nc.LastError(), nats.ErrMaxSubscriptionsExceeded) {
				return nil
			}
		}
		return nil
	})
	return have, err
}
