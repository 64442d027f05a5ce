package natsconn

import (
	"context"
	"errors"

	"github.com/nats-io/nats.go"
)

// MaxPayload returns the maximum size of a message of the client's user, in bytes. The server reports the value for the
// user with its first response, so the caller must send a request first.
func (c *Client) MaxPayload(ctx context.Context) (size int64, err error) {
	err = c.Use(ctx, func(nc *nats.Conn) error {
		size = nc.MaxPayload()
		return nil
	})
	return size, err
}

// TrySubscriptions subscribes to inboxes until the connection has want subscriptions, including the subscription for
// responses, and unsubscribes again. It returns how many subscriptions the server allows, at most want. The caller must
// send a request first.
func (c *Client) TrySubscriptions(ctx context.Context, want int) (have int, err error) {
	const probe = "subscriptions" // not a subject: no violation refers to it
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
