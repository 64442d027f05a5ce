package account

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
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

// Streams returns the names of an account's streams on all servers that run, in order; it needs no key of the account. Streams of a JetStream
// domain with a system account of its own are not among them. Errors are those of [Resolver.Servers].
func (r *Resolver) Streams(ctx context.Context, publicKey string) ([]string, error) {
	details, err := r.jetStreamDetails(ctx, publicKey)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, detail := range details {
		for _, stream := range detail.Streams {
			names = append(names, stream.Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
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
	answers, err := r.system.gather(ctx, subjectJsz, request, atLeast(s.answering()))
	if err != nil {
		return nil, err
	}
	if len(answers) < s.answering() {
		return nil, fmt.Errorf("%d of %d servers have told which streams they have", len(answers), s.answering())
	}
	var details []jetStreamDetail
	for _, msg := range answers {
		var answer struct {
			Data struct {
				Accounts []jetStreamDetail `json:"account_details"`
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
			if account.ID == publicKey {
				details = append(details, account)
			}
		}
	}
	return details, nil
}
