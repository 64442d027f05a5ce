package resolver

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/nats-io/nats.go"

	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

// serverInfo is what a server says of itself in its answers.
type serverInfo struct {
	Name string `json:"name"`
	ID   string `json:"id"`
}

// check refuses what is not said by a server. The name becomes one that may be shown.
func (s *serverInfo) check(asked string) error {
	if natsconn.CheckPublicKey(s.ID, natsconn.ServerKey) != nil {
		return &natsconn.AnswerError{Asked: asked,
			Got: secret.Sprintf("as %q, which is not the id of a server", secret.FromServer(s.ID))}
	}
	s.Name = secret.FromServer(s.Name)
	return nil
}

// refusal is an error that a server answers with.
type refusal struct {
	Description string `json:"description"`
}

// reply is the answer of one server.
type reply struct {
	server serverInfo
	data   json.RawMessage
}

// readReply reads an answer. The error is a [*RejectedError] for one of the server's, else a [*natsconn.AnswerError].
func readReply(asked string, msg *nats.Msg) (r reply, err error) {
	var answer struct {
		Server serverInfo      `json:"server"`
		Data   json.RawMessage `json:"data"`
		Error  *refusal        `json:"error"`
	}
	if err := natsconn.Unmarshal(asked, msg.Data, &answer); err != nil {
		return r, err
	}
	if err := answer.Server.check(asked); err != nil {
		return r, err
	}
	switch {
	case answer.Error != nil:
		return r, &RejectedError{Server: answer.Server.Name, Text: secret.FromServer(answer.Error.Description)}
	case len(answer.Data) == 0 || string(answer.Data) == "null":
		return r, &natsconn.AnswerError{Asked: asked, Got: fmt.Sprintf("without data, as the server %s", answer.Server.Name)}
	}
	return reply{answer.Server, answer.Data}, nil
}

// read reads the data, an object in which the server says again who it is.
func (r reply) read(asked string, into any) error {
	var said struct {
		ID string `json:"server_id"`
	}
	if err := natsconn.Unmarshal(asked, r.data, &said); err != nil {
		return err
	}
	if said.ID != r.server.ID {
		return &natsconn.AnswerError{Asked: asked,
			Got: secret.Sprintf("as the server %s with the data of %q", r.server.ID, secret.FromServer(said.ID))}
	}
	return natsconn.Unmarshal(asked, r.data, into)
}

// ask sends a request that changes nothing to all servers and reads what they answer, one answer of each. Errors:
// [*RejectedError] and those of [system.gather].
func (s *system) ask(ctx context.Context, subject string, request []byte, expected int) ([]reply, error) {
	answers, err := s.repeat(ctx, subject, request, atLeast(expected))
	if err != nil {
		return nil, err
	}
	replies := make([]reply, 0, len(answers))
	for _, msg := range answers {
		r, err := readReply(subject, msg)
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(replies, func(other reply) bool { return other.server.ID == r.server.ID }) {
			replies = append(replies, r)
		}
	}
	return replies, nil
}
