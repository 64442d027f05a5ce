package resolver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/nats-io/nats.go"

	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
)

// Resolver is the accounts that the servers of one system store. It speaks to all of them: each server stores every
// account, a push is answered by each, and what they have is compared. See DirAccResolver in nats-server's
// server/accounts.go.
type Resolver struct {
	system system
	clock  claims.Clock

	surveying sync.Mutex
	surveyed  *survey

	// watching guards the proof that pushes are seen.
	watching sync.Mutex

	locking sync.Mutex
	locks   map[string]*lock

	directory directory
}

// lock is held by the one who changes an account in this process.
type lock struct {
	held chan struct{}
	// users are those who hold it or wait for it.
	users int
}

// New returns the resolver that a user of the system account reaches by way of the client. It does no I/O.
func New(client *natsconn.Client, clock claims.Clock) *Resolver {
	return &Resolver{system: system{client: client}, clock: clock, locks: map[string]*lock{}}
}

// Stored is an account as servers store it.
type Stored struct {
	Token     string
	Account   *claims.Account
	Signature claims.Signature
	// Behind is how many servers have answered with an older JWT, or with none. They catch up by themselves, within a
	// minute unless their configuration says otherwise.
	Behind int
}

// Lookup returns the newest of what the servers store for an account. Errors: [ErrNotFound] only if servers answered
// and none has it, [*NotPushableError] if they store no accounts, and those of [Resolver.Servers].
func (r *Resolver) Lookup(ctx context.Context, publicKey string) (*Stored, error) {
	s, err := r.survey(ctx, surveyAge)
	if err != nil {
		return nil, err
	}
	found, err := r.lookup(ctx, s, publicKey)
	if err != nil {
		return nil, err
	}
	return found.newest()
}

// found are the answers of all servers to a lookup.
type found struct {
	stored []push
	// empty is how many servers have answered that they do not have the account.
	empty int
}

// newest returns what servers keep when they compare their stores.
func (f found) newest() (*Stored, error) {
	if len(f.stored) == 0 {
		return nil, ErrNotFound
	}
	last := newest(f.stored)
	s := &Stored{Token: last.token, Account: last.account, Signature: last.signature, Behind: f.empty}
	for _, other := range f.stored {
		if other.token != last.token {
			s.Behind++
		}
	}
	return s, nil
}

// same tells whether all servers have these claims, whoever signed them when.
func (f found) same(a *claims.Account) bool {
	return f.empty == 0 && !slices.ContainsFunc(f.stored, func(p push) bool { return !a.Equal(p.account) })
}

// lookup asks all servers for an account. They do not say who they are.
func (r *Resolver) lookup(ctx context.Context, s *survey, publicKey string) (found, error) {
	s.mu.Lock()
	expected := s.stores
	s.mu.Unlock()
	answers, err := r.system.repeat(ctx, subjectLookup(publicKey), nil, atLeast(expected))
	if errors.Is(err, nats.ErrNoResponders) {
		return found{}, r.notPushable(ctx, s)
	}
	if err != nil {
		return found{}, err
	}
	s.mu.Lock()
	s.stores = len(answers) // some may have no store: the next lookup need not wait for them
	s.mu.Unlock()

	var f found
	for _, msg := range answers {
		token := strings.TrimSpace(string(msg.Data))
		if token == "" {
			f.empty++
			continue
		}
		if len(f.stored) > 0 && f.stored[0].token == token {
			f.stored = append(f.stored, f.stored[0])
			continue
		}
		account, signature, err := claims.DecodeAccount(token)
		asked := "the account " + publicKey
		switch {
		case err != nil:
			return found{}, natsconn.Unread(asked, err)
		case account.PublicKey != publicKey:
			return found{}, otherAccount(asked, account.PublicKey)
		case natsconn.CheckPublicKey(signature.Issuer, natsconn.OperatorKey) != nil:
			return found{}, &natsconn.AnswerError{Asked: asked,
				Got: fmt.Sprintf("with claims that no operator has signed, but %s", signature.Issuer)}
		}
		f.stored = append(f.stored, push{token: token, account: account, signature: signature})
	}
	return f, nil
}

// List returns the public keys of all accounts that any server stores, in order. Errors are those of [Resolver.Lookup],
// without ErrNotFound. Cache resolvers answer with what they happen to have.
func (r *Resolver) List(ctx context.Context) ([]string, error) {
	s, err := r.survey(ctx, surveyAge)
	if err != nil {
		return nil, err
	}
	answers, err := r.system.repeat(ctx, subjectList, nil, atLeast(s.answering()))
	if errors.Is(err, nats.ErrNoResponders) {
		return nil, r.notPushable(ctx, s)
	}
	if err != nil {
		return nil, err
	}
	var accounts []string
	for _, msg := range answers {
		reply, err := readReply(subjectList, msg)
		if err != nil {
			return nil, err
		}
		var keys []string
		if err := json.Unmarshal(reply.data, &keys); err != nil {
			return nil, natsconn.Unread(subjectList, err)
		}
		if i := slices.IndexFunc(keys, func(key string) bool { return natsconn.CheckPublicKey(key, natsconn.AccountKey) != nil }); i >= 0 {
			return nil, otherAccount("the list of accounts", keys[i])
		}
		accounts = append(accounts, keys...)
	}
	slices.Sort(accounts)
	return slices.Compact(accounts), nil
}

// notPushable finds out why nothing answers for accounts.
func (r *Resolver) notPushable(ctx context.Context, s *survey) error {
	url := ""
	for _, server := range s.servers {
		if len(server.Operators) == 0 && !server.Down {
			return &NotPushableError{Reason: NotOperatorMode, Server: server.Name}
		}
		for _, o := range server.Operators {
			if o.AccountServerURL != "" {
				url = o.AccountServerURL
			}
		}
	}
	_, err := r.system.repeat(ctx, subjectList, nil, atLeast(1))
	switch {
	case err == nil:
		return &NotPushableError{Reason: StoresCopies}
	case !errors.Is(err, nats.ErrNoResponders):
		return err
	case url != "":
		return &NotPushableError{Reason: StoresElsewhere, URL: url}
	}
	return &NotPushableError{Reason: StoresNothing}
}

// acquire waits until nobody else in this process changes the account, and returns what ends that.
func (r *Resolver) acquire(ctx context.Context, account string) (release func(), err error) {
	r.locking.Lock()
	l := r.locks[account]
	if l == nil {
		l = &lock{held: make(chan struct{}, 1)}
		r.locks[account] = l
	}
	l.users++
	r.locking.Unlock()

	leave := func() {
		r.locking.Lock()
		defer r.locking.Unlock()
		if l.users--; l.users == 0 {
			delete(r.locks, account)
		}
	}
	select {
	case l.held <- struct{}{}:
		return func() {
			<-l.held
			leave()
		}, nil
	case <-ctx.Done():
		leave()
		return nil, ctx.Err()
	}
}
