package kine

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

// ServerError is a finding on one server that another server of the same endpoint does not show.
type ServerError struct {
	// Server is its URL, without credentials.
	Server string
	Err    error
}

func (e *ServerError) Error() string { return fmt.Sprintf("on %s: %v", e.Server, e.Err) }

func (e *ServerError) Unwrap() error { return e.Err }

// VerifyServers does what [VerifyContract] does as KINE's user, on each of the servers by itself and at the same time: KINE picks
// one of them at random, and makes an empty bucket if that one belongs to a system without it.
//
// It returns the servers on which KINE starts, the errors of those that cannot be reached while another one can, and
// what was found: on all servers alike as it is, else as a [*ServerError].
//
// While none of them can be reached, an operation that waits for servers asks all of them again.
func VerifyServers(ctx context.Context, settings natsconn.Settings, spec Spec, domain string) (verified []string, unreachable, found []error) {
	_ = natsconn.RetryUnreachable(ctx, func(ctx context.Context) error {
		verified, unreachable, found = verifyServers(ctx, settings, spec, domain)
		if len(verified) > 0 {
			return nil
		}
		return errors.Join(found...)
	})
	return verified, unreachable, found
}

func verifyServers(ctx context.Context, settings natsconn.Settings, spec Spec, domain string) (verified []string, unreachable, found []error) {
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
	count := map[string]int{} // of the servers that show the same
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
			case lost, count[text] == 0: // told elsewhere, or once already
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
