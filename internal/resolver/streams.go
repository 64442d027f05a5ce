package resolver

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

// jetStreamDetail is what one server stores of an account.
type jetStreamDetail struct {
	ID string `json:"id"`
	// Memory and Storage are in bytes.
	Memory  int64 `json:"memory"`
	Storage int64 `json:"storage"`
	Streams []struct {
		Name  string `json:"name"`
		State struct {
			Consumers int64 `json:"consumer_count"`
		} `json:"state"`
	} `json:"stream_detail"`
}

// Streams returns the names of an account's streams on all servers that run, in order; it needs no key of the account.
// Streams of a JetStream domain with a system account of its own are not among them. Errors are those of
// [Resolver.Servers].
func (r *Resolver) Streams(ctx context.Context, publicKey string) ([]string, error) {
	details, err := r.jetStreamDetails(ctx, publicKey)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, detail := range details {
		for _, stream := range detail.Streams {
			names = append(names, secret.FromServer(stream.Name))
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// otherAccount is the error for an answer about an account that was not asked for.
func otherAccount(asked, got string) error {
	return &natsconn.AnswerError{Asked: asked, Got: secret.Sprintf("about the account %q", secret.FromServer(got))}
}

// jetStreamDetails asks all servers for what they store of an account; one that stores nothing does not show.
func (r *Resolver) jetStreamDetails(ctx context.Context, publicKey string) ([]jetStreamDetail, error) {
	s, err := r.survey(ctx, surveyAge)
	if err != nil {
		return nil, err
	}
	// For one account, the server answers with all of it: limit and offset page accounts (Jsz in server/monitor.go).
	request, err := json.Marshal(map[string]any{"account": publicKey, "streams": true})
	if err != nil {
		return nil, err
	}
	replies, err := r.system.ask(ctx, subjectJsz, request, s.answering())
	if err != nil {
		return nil, err
	}
	if len(replies) < s.answering() {
		return nil, fmt.Errorf("%d of %d servers have told which streams they have", len(replies), s.answering())
	}
	var details []jetStreamDetail
	for _, reply := range replies {
		var data struct {
			Accounts []jetStreamDetail `json:"account_details"`
		}
		if err := reply.read(subjectJsz, &data); err != nil {
			return nil, err
		}
		for _, account := range data.Accounts {
			if account.ID != publicKey {
				return nil, otherAccount("the streams of the account "+publicKey, account.ID)
			}
			details = append(details, account)
		}
	}
	return details, nil
}
