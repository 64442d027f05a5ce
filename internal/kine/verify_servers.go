package kine

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

// ServerError is a finding that applies to one server but not to all servers of the endpoint.
type ServerError struct {
	// Server is the URL of the server, without credentials.
	Server string
	Err    error
}

func (e *ServerError) Error() string { return fmt.Sprintf("on %s: %v", e.Server, e.Err) }

func (e *ServerError) Unwrap() error { return e.Err }

// VerifyServers runs [VerifyContract] as KINE's user on each server separately and concurrently: KINE picks one of them
// at random, and creates an empty bucket if that server belongs to a system without it.
//
// It returns the servers on which KINE starts, the errors of unreachable servers if at least one server can be reached,
// and the findings. A finding that does not apply to all servers is a [*ServerError].
//
// While no server can be reached, an operation that waits for servers tries all of them again.
func VerifyServers(
	ctx context.Context, settings natsconn.Settings, spec Spec, domain string,
) (verified []string, unreachable, found []error) {
	_ = natsconn.RetryUnreachable(ctx, func(ctx context.Context) error {
		verified, unreachable, found = verifyServers(ctx, settings, spec, domain)
		if len(verified) > 0 {
			return nil
		}
		return errors.Join(found...)
	})
	return verified, unreachable, found
}

func verifyServers(
	ctx context.Context, settings natsconn.Settings, spec Spec, domain string,
) (verified []string, unreachable, found []error) {
	results := make([][]error, len(settings.Servers))
	var wait sync.WaitGroup
	for i, server := range settings.Servers {
		wait.Go(func() {
			one := settings
			one.Servers = []string{server}
			client := natsconn.NewClient(one, nil)
			defer client.Close()
			results[i] = VerifyContract(ctx, client, spec, domain, true)
		})
	}
	wait.Wait()

	var refused *natsconn.UnreachableError
	reached := 0
	count := map[string]int{} // number of servers per finding
	for _, errs := range results {
		if unreachableError, ok := errors.AsType[*natsconn.UnreachableError](errors.Join(errs...)); ok {
			unreachable = append(unreachable, unreachableError)
			if refused == nil {
				refused = &natsconn.UnreachableError{Err: unreachableError.Err}
			}
			refused.Servers = append(refused.Servers, unreachableError.Servers...)
			continue
		}
		reached++
		for _, err := range errs {
			count[err.Error()]++
		}
	}
	if reached == 0 && refused != nil {
		return nil, nil, []error{refused}
	}
	for i, errs := range results {
		server := settings.Servers[i]
		if !stops(errs) {
			verified = append(verified, server)
		}
		for _, err := range errs {
			_, lost := errors.AsType[*natsconn.UnreachableError](err)
			switch text := err.Error(); {
			case lost, count[text] == 0: // already reported
			case count[text] == reached:
				found = append(found, err)
				count[text] = 0
			default:
				found = append(found, &ServerError{Server: secret.URL(server), Err: err})
			}
		}
	}
	return verified, unreachable, found
}
