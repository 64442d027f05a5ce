package account

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
)

// Streams returns the names of an account's streams on all servers that run, in order; it needs no key of the account. Streams of a JetStream
// domain with a system account of its own are not among them. Errors are those of [Resolver.Servers].
func (r *Resolver) Streams(ctx context.Context, publicKey string) ([]string, error) {
	s, err := r.survey(ctx, surveyAge)
	if err != nil {
		return nil, err
	}
	// For one account, the server answers with all of it: limit and offset page accounts (Jsz in server/monitor.go).
	request, err := json.Marshal(map[string]any{"account": publicKey, "streams": true})
	if err != nil {
		return nil, err
	}
	answers, err := r.system.gather(ctx, subjectJsz, request, atLeast(s.answering()))
	if err != nil {
		return nil, err
	}
	if len(answers) < s.answering() {
		return nil, fmt.Errorf("%d of %d servers have told which streams they have", len(answers), s.answering())
	}
	var names []string
	for _, msg := range answers {
		var answer struct {
			Data struct {
				Accounts []struct {
					ID      string `json:"id"`
					Streams []struct {
						Name string `json:"name"`
					} `json:"stream_detail"`
				} `json:"account_details"`
			} `json:"data"`
			Error *struct {
				Description string `json:"description"`
			} `json:"error"`
		}
		if err := json.Unmarshal(msg.Data, &answer); err != nil {
			return nil, fmt.Errorf("answer to %s: %w", subjectJsz, err)
		}
		if answer.Error != nil {
			return nil, fmt.Errorf("answer to %s: %s", subjectJsz, answer.Error.Description)
		}
		for _, account := range answer.Data.Accounts {
			for _, stream := range account.Streams {
				if account.ID == publicKey {
					names = append(names, stream.Name)
				}
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}
