package resolver

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats.go"

	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

// surveyAge is how long what is known about the servers is taken for true.
const surveyAge = time.Second

// Server is a nats-server of the system that the resolver belongs to.
type Server struct {
	// Name is the server's name, ID its public key, which is another one after each start.
	Name, ID string
	// Down is true for a server that does not answer and that the JetStream meta group counts as a member. ID is then
	// empty.
	Down bool
	// Operators are those that the server trusts; none means that it is not in operator mode.
	Operators []TrustedOperator
}

// TrustedOperator is an operator that a server trusts.
type TrustedOperator struct {
	Name, PublicKey string
	SigningKeys     []string
	// Strict is true if the server refuses what the operator's identity itself has signed.
	Strict bool
	// AccountServerURL is that of an account server, where a server without a resolver of its own looks for accounts.
	AccountServerURL string
}

// survey is what is known about the servers at one time.
type survey struct {
	at      time.Time
	servers []Server
	// silent is how many servers the others count and did not answer. A server that was killed is counted for minutes.
	silent int

	mu sync.Mutex
	// stores is how many servers answer lookups.
	stores int
}

// answering is how many servers answer.
func (s *survey) answering() int {
	n := 0
	for _, server := range s.servers {
		if !server.Down {
			n++
		}
	}
	return n
}

// up are the servers that answer.
func (s *survey) up() []serverInfo {
	var up []serverInfo
	for _, server := range s.servers {
		if !server.Down {
			up = append(up, serverInfo{Name: server.Name, ID: server.ID})
		}
	}
	return up
}

// allStore tells whether every server that answers has answered the last lookup.
func (s *survey) allStore() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stores >= s.answering()
}

// missing names the servers of the survey that are not among those who have answered something.
func (s *survey) missing(answered []serverInfo) []string {
	var missing []string
	for _, server := range s.servers {
		if !slices.ContainsFunc(answered, func(a serverInfo) bool { return s.is(server, a) }) {
			missing = append(missing, server.Name)
		}
	}
	// A server without JetStream that is down has no name here.
	if unnamed := s.silent - len(s.down()); unnamed > 0 {
		missing = append(missing, fmt.Sprintf("(%d more that the others know of)", unnamed))
	}
	return missing
}

// is reports whether the one who has answered is a server of the survey, which may have been restarted since: it has
// another ID then.
func (s *survey) is(server Server, answered serverInfo) bool {
	known := func(other Server) bool { return other.ID == answered.ID }
	return server.ID == answered.ID || server.Name == answered.Name && !slices.ContainsFunc(s.servers, known)
}

// down are the servers that do not answer and whose name is known.
func (s *survey) down() []Server {
	return slices.DeleteFunc(slices.Clone(s.servers), func(server Server) bool { return !server.Down })
}

// Servers returns who should answer: the servers that do, and those that are down and are known by name because they
// have JetStream. Errors: [*NotPushableError] if the connection's user is not one of the system account, and those of
// [natsconn.Client.Exchange].
func (r *Resolver) Servers(ctx context.Context) ([]Server, error) {
	s, err := r.survey(ctx, surveyAge)
	if err != nil {
		return nil, err
	}
	return slices.Clone(s.servers), nil
}

// survey asks the servers about themselves, unless that was done within age.
func (r *Resolver) survey(ctx context.Context, age time.Duration) (*survey, error) {
	r.surveying.Lock()
	defer r.surveying.Unlock()
	if r.surveyed != nil && r.clock.Now().Sub(r.surveyed.at) < age {
		return r.surveyed, nil
	}
	s, err := r.askServers(ctx)
	if err != nil {
		return nil, err
	}
	r.surveyed = s
	return s, nil
}

func (r *Resolver) askServers(ctx context.Context) (*survey, error) {
	at := r.clock.Now()
	counted, answered, err := r.ping(ctx)
	if err != nil {
		return nil, err
	}
	s := &survey{at: at, silent: max(0, counted-len(answered)), stores: len(answered)}
	var peers []string
	var meta, varz error
	var wg sync.WaitGroup
	wg.Go(func() { s.servers, varz = r.trusted(ctx, len(answered)) })
	wg.Go(func() { peers, meta = r.offlinePeers(ctx, len(answered)) })
	wg.Wait()
	if err := errors.Join(varz, meta); err != nil {
		return nil, err
	}
	for _, name := range peers {
		if !slices.ContainsFunc(s.servers, func(server Server) bool { return server.Name == name }) {
			s.servers = append(s.servers, Server{Name: name, Down: true})
		}
	}
	slices.SortFunc(s.servers, func(a, b Server) int { return cmp.Compare(a.Name, b.Name) })
	return s, nil
}

// ping asks all servers for a sign of life, and returns how many servers they count.
func (r *Resolver) ping(ctx context.Context) (counted int, answered []serverInfo, err error) {
	read := func(answers []*nats.Msg) {
		counted, answered = 0, nil
		for _, msg := range answers {
			var answer struct {
				Server serverInfo `json:"server"`
				Stats  *struct {
					ActiveServers int `json:"active_servers"`
				} `json:"statsz"`
			}
			if json.Unmarshal(msg.Data, &answer) != nil || answer.Server.check(subjectPing) != nil || answer.Stats == nil {
				continue // not a server's
			}
			if !slices.ContainsFunc(answered, func(other serverInfo) bool { return other.ID == answer.Server.ID }) {
				counted, answered = max(counted, answer.Stats.ActiveServers), append(answered, answer.Server)
			}
		}
	}
	answers, err := r.system.repeat(ctx, subjectPing, nil, func(answers []*nats.Msg) bool {
		read(answers)
		return len(answered) >= counted
	})
	if errors.Is(err, nats.ErrNoResponders) {
		return 0, nil, r.system.client.Identify(&NotPushableError{Reason: NotSystemAccount})
	}
	if err != nil {
		return 0, nil, err
	}
	if read(answers); len(answered) == 0 {
		return 0, nil, fmt.Errorf("no server answers %s in a way that can be read", subjectPing)
	}
	return counted, answered, nil
}

// trusted asks all servers for the operators that they trust.
func (r *Resolver) trusted(ctx context.Context, expected int) ([]Server, error) {
	replies, err := r.system.ask(ctx, subjectVarz, nil, expected)
	if err != nil {
		return nil, err
	}
	servers := make([]Server, 0, len(replies))
	for _, reply := range replies {
		var data struct {
			Operators []jwt.OperatorClaims `json:"trusted_operators_claim"`
		}
		if err := reply.read(subjectVarz, &data); err != nil {
			return nil, err
		}
		server := Server{Name: reply.server.Name, ID: reply.server.ID}
		for _, o := range data.Operators {
			keys := append([]string{o.Subject}, o.SigningKeys...)
			if i := slices.IndexFunc(keys, func(key string) bool { return natsconn.CheckPublicKey(key, natsconn.OperatorKey) != nil }); i >= 0 {
				return nil, &natsconn.AnswerError{Asked: subjectVarz,
					Got: secret.Sprintf("with %q, which is not the key of an operator", secret.FromServer(keys[i]))}
			}
			server.Operators = append(server.Operators, TrustedOperator{
				Name: secret.FromServer(o.Name), PublicKey: o.Subject, SigningKeys: o.SigningKeys, Strict: o.StrictSigningKeyUsage,
				AccountServerURL: secret.FromServer(o.AccountServerURL),
			})
		}
		servers = append(servers, server)
	}
	return servers, nil
}

// offlinePeers asks all servers for the members of the JetStream meta group that they take for gone.
func (r *Resolver) offlinePeers(ctx context.Context, expected int) ([]string, error) {
	replies, err := r.system.ask(ctx, subjectJsz, nil, expected)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, reply := range replies {
		var data struct {
			Meta struct {
				Replicas []struct {
					Name    string `json:"name"`
					Offline bool   `json:"offline"`
				} `json:"replicas"`
			} `json:"meta_cluster"`
		}
		if err := reply.read(subjectJsz, &data); err != nil {
			return nil, err
		}
		for _, peer := range data.Meta.Replicas {
			if name := secret.FromServer(peer.Name); peer.Offline && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names, nil
}

// Trusts checks that every server accepts what the key signs. Errors: [*UntrustedIssuerError], [*NotPushableError] if a
// server is not in operator mode, and those of [Resolver.Servers].
func (r *Resolver) Trusts(ctx context.Context, signingKey string) error {
	s, err := r.survey(ctx, surveyAge)
	if err != nil {
		return err
	}
	return s.trusts(signingKey)
}

func (s *survey) trusts(signingKey string) error {
	for _, server := range s.servers {
		switch {
		case server.Down:
		case len(server.Operators) == 0:
			return &NotPushableError{Reason: NotOperatorMode, Server: server.Name}
		case !slices.ContainsFunc(server.Operators, func(o TrustedOperator) bool { return o.accepts(signingKey) }):
			return &UntrustedIssuerError{Key: signingKey, Server: server.Name, Trusted: server.Operators}
		}
	}
	return nil
}

// accepts tells whether accounts that the key signed are the operator's.
func (o TrustedOperator) accepts(key string) bool {
	return key == o.PublicKey && !o.Strict || slices.Contains(o.SigningKeys, key)
}
