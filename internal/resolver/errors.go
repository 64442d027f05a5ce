package resolver

import (
	"errors"
	"fmt"
	"strings"

	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

// ErrNotFound says that servers answered, and that none of them has the account.
var ErrNotFound = errors.New("the resolver has no such account")

// NotPushableReason is why nothing can be pushed.
type NotPushableReason int

// The reasons. That the resolver is one of memory or of a URL cannot be told from outside: neither stores what is
// pushed.
const (
	// NotSystemAccount means that nothing answers the requests of the system account.
	NotSystemAccount NotPushableReason = iota + 1
	// NotOperatorMode means that a server trusts no operator.
	NotOperatorMode
	// StoresNothing means a memory resolver, or a URL resolver without a sign of one.
	StoresNothing
	// StoresElsewhere means a URL resolver, or a memory resolver of an operator whose JWT names an account server.
	StoresElsewhere
	// StoresCopies means cache resolvers alone, which keep only what they have fetched from a full one.
	StoresCopies
)

// NotPushableError says that the servers have no resolver that accounts can be pushed to and looked up in, and what to
// do.
type NotPushableError struct {
	Reason NotPushableReason
	// Server is a server that the reason was found at, URL the account server that the operator's JWT names.
	Server, URL string
}

// full is how to configure a resolver that accounts can be pushed to.
const full = `resolver { type: full, dir: "/path", allow_delete: true }`

func (e *NotPushableError) Error() string {
	switch e.Reason {
	case NotSystemAccount:
		return "nothing answers the requests of the system account ($SYS.REQ.SERVER.PING): the credentials are not those " +
			"of a user of the system account. Use a user that is signed by the account that the servers' configuration names " +
			"as system_account"
	case NotOperatorMode:
		return fmt.Sprintf("the server %s trusts no operator, so its accounts are those of its configuration and none can "+
			"be pushed. Set operator, system_account and %s in its configuration", e.Server, full)
	case StoresElsewhere:
		return fmt.Sprintf("the servers store no accounts that are pushed: they have a URL resolver, or one of memory. The "+
			"operator's JWT names the account server %s, whose own tools publish accounts; to push accounts to the servers, "+
			"set %s in their configuration", e.URL, full)
	case StoresCopies:
		return "the servers have cache resolvers, which keep copies of the accounts that they have fetched, and no server " +
			"with a full one answers. At least one server that the others can reach needs " + full
	case StoresNothing:
	}
	return "the servers store no accounts that are pushed: they have a memory resolver, which knows the accounts of " +
		"resolver_preload, or a URL resolver. Set " + full +
		" in their configuration, or put the account's JWT into resolver_preload yourself"
}

// UntrustedIssuerError says that a server would not accept accounts that the key signs. A server that is asked to store
// one answers that it did.
type UntrustedIssuerError struct {
	// Key is the public half of the key that was to sign.
	Key     string
	Server  string
	Trusted []TrustedOperator
}

func (e *UntrustedIssuerError) Error() string {
	trusted := make([]string, 0, len(e.Trusted))
	for _, o := range e.Trusted {
		if o.PublicKey == e.Key {
			return secret.Sprintf("the operator %q is set up for strict signing key usage, so that the server %s refuses what "+
				"its identity %s has signed. Use one of its signing keys: %s", o.Name, e.Server, e.Key, words(o.SigningKeys))
		}
		trusted = append(trusted, secret.Sprintf("%q (%s, signing keys %s)", o.Name, o.PublicKey, words(o.SigningKeys)))
	}
	return fmt.Sprintf("the server %s does not trust the operator key %s. It trusts %s", e.Server, e.Key,
		strings.Join(trusted, ", "))
}

// RejectedError says that a server refused a push or a delete.
type RejectedError struct {
	// Server is the name of the server, Text what it answered.
	Server, Text string
	// Accepted are the servers that did what was asked.
	Accepted []string
}

func (e *RejectedError) Error() string {
	text := fmt.Sprintf("the server %s refused: %s", e.Server, e.Text)
	if len(e.Accepted) > 0 {
		text += ", while these have accepted it: " + words(e.Accepted)
	}
	return text
}

// ConflictError says that someone else pushed the account at the same time.
type ConflictError struct {
	Account string
	// Pushed is false if nothing of this change reached the servers.
	Pushed bool
	// Restored is true if this change overwrote the other one, which was then brought back: its claims pushed again, or
	// its deletion repeated.
	Restored bool
	// Issuer is who signed what the other pushed, empty if the account was deleted.
	Issuer string
}

func (e *ConflictError) Error() string {
	what := "pushed claims, signed by " + e.Issuer + ","
	if e.Issuer == "" {
		what = "deleted it"
	}
	text := fmt.Sprintf("someone else changed the account %s at the same time: they %s while this change was being made. ",
		e.Account, what)
	switch {
	case !e.Pushed:
		return text + "Nothing was changed here. Look at the account and apply again"
	case e.Restored:
		return text + "What they did was overwritten and brought back, and the change made here is not in effect. Look at " +
			"the account and apply again"
	}
	return text + "The change made here is not in effect. Look at the account and apply again"
}

// UncertainError says that a push was sent, and that what became of it is not known, or that only some servers have
// accepted it.
type UncertainError struct {
	Account string
	// Token is the JWT that was sent.
	Token string
	Err   error
}

func (e *UncertainError) Error() string {
	return fmt.Sprintf("the account %s was pushed, and what the servers have made of it is not known: %v. Look at the "+
		"account and apply again",
		e.Account, e.Err)
}

func (e *UncertainError) Unwrap() error { return e.Err }

// DeleteForbiddenError says that a resolver deletes no accounts.
type DeleteForbiddenError struct {
	Server, Text string
	// Deleted are the servers that have deleted the account. The others bring it back to them.
	Deleted []string
}

func (e *DeleteForbiddenError) Error() string {
	return fmt.Sprintf("the server %s deletes no accounts (%s): set allow_delete: true in its resolver, as in %s",
		e.Server, e.Text, full)
}

// IncompleteError says that the account was deleted from all servers that answered, and not from others: these bring it
// back to all of them as soon as they run again.
type IncompleteError struct {
	Account string
	// Missing are the servers that did not answer.
	Missing []string
}

func (e *IncompleteError) Error() string {
	return fmt.Sprintf("the account %s was deleted from the servers that answered, and not from %s: it comes back to "+
		"all servers once one of these runs again. Delete it again then", e.Account, words(e.Missing))
}

// words joins names for a text.
func words(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}
