package resolver

import (
	"context"
	"encoding/json"
	"fmt"
)

// subjectUsage asks all servers for the connections of accounts, from server/events.go.
const subjectUsage = "$SYS.REQ.ACCOUNT.PING.STATZ"

// Usage is what an account uses at the time, over all servers that run.
type Usage struct {
	// Connections are those of clients.
	Connections, LeafNodes, Subscriptions int64
	Streams, Consumers                    int64
	// MemoryStorage and DiskStorage are in bytes, with each replica of a stream counted, as an account's limits count
	// them.
	MemoryStorage, DiskStorage int64
}

// Usage returns what an account uses. Errors are those of [Resolver.Streams].
func (r *Resolver) Usage(ctx context.Context, publicKey string) (*Usage, error) {
	stats, err := r.accountStats(ctx, publicKey)
	if err != nil {
		return nil, err
	}
	usage := &Usage{}
	for _, a := range stats {
		if a.ID != publicKey {
			return nil, otherAccount("the usage of the account "+publicKey, a.ID)
		}
		usage.Connections, usage.LeafNodes = usage.Connections+a.Connections, usage.LeafNodes+a.LeafNodes
		usage.Subscriptions += a.Subscriptions
	}
	details, err := r.jetStreamDetails(ctx, publicKey)
	if err != nil {
		return nil, err
	}
	streams := map[string]int64{} // consumers by stream: each replica tells of all
	for _, d := range details {
		usage.MemoryStorage, usage.DiskStorage = usage.MemoryStorage+d.Memory, usage.DiskStorage+d.Storage
		for _, stream := range d.Streams {
			streams[stream.Name] = max(streams[stream.Name], stream.State.Consumers)
		}
	}
	usage.Streams = int64(len(streams))
	for _, consumers := range streams {
		usage.Consumers += consumers
	}
	return usage, nil
}

// accountStat is what a server counts of an account that it has loaded.
type accountStat struct {
	ID            string `json:"acc"`
	Name          string `json:"name"`
	Connections   int64  `json:"conns"`
	LeafNodes     int64  `json:"leafnodes"`
	Subscriptions int64  `json:"num_subscriptions"`
}

// accountStats asks all servers for what they count of these accounts or, without any, of all. If not all of them
// answer, it returns what the others have told with an error that says so.
func (r *Resolver) accountStats(ctx context.Context, publicKeys ...string) (stats []accountStat, err error) {
	s, err := r.survey(ctx, surveyAge)
	if err != nil {
		return nil, err
	}
	request, err := json.Marshal(map[string]any{"accounts": publicKeys, "include_unused": true})
	if err != nil {
		return nil, err
	}
	replies, err := r.system.ask(ctx, subjectUsage, request, s.answering())
	if err != nil {
		return nil, err
	}
	for _, reply := range replies {
		var data struct {
			Accounts []accountStat `json:"account_statz"`
		}
		if err := reply.read(subjectUsage, &data); err != nil {
			return nil, err
		}
		stats = append(stats, data.Accounts...)
	}
	if len(replies) < s.answering() {
		return stats, fmt.Errorf("%d of %d servers have told what accounts use", len(replies), s.answering())
	}
	return stats, nil
}
