package resolver

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
)

// subjectConnections asks for the connections of one account. A server that does not know the account yet loads it to
// answer.
func subjectConnections(publicKey string) string {
	return fmt.Sprintf("$SYS.REQ.ACCOUNT.%s.CONNZ", publicKey)
}

// introduce has all servers load an account that has JetStream from now on, and waits for each to answer. Otherwise
// they load it when they first hear of a client of it, which may be while its first stream is made, whose directory
// they then remove (EnableJetStream in nats-server's server/jetstream.go). Whatever it returns, the account is there.
func (c *changing) introduce(ctx context.Context, a *claims.Account) error {
	had := c.past.before != nil && c.past.before.Account.HasJetStream()
	if had || !a.HasJetStream() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	return c.load(ctx)
}

// load has all servers load the account, and waits for each to answer.
func (c *changing) load(ctx context.Context) error {
	_, err := c.resolver.system.ask(ctx, subjectConnections(c.publicKey), []byte(`{"limit":1}`), c.survey.answering())
	if _, refused := errors.AsType[*RejectedError](err); refused {
		return nil // it has looked for the account all the same
	}
	return err
}
