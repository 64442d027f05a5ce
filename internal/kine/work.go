package kine

import (
	"slices"
	"strings"
)

const (
	// SharedAPI is the subject prefix under which an account that mirrors buckets of other accounts imports their
	// JetStream API. The next token is the public key of the source's account.
	SharedAPI = "$KINE.API"
	// SharedMessages is the subject prefix of messages for mirrors in other accounts, the same in both accounts.
	SharedMessages = "$KINE.MIRROR"
)

// workCalls lists the JetStream API calls and the keys of buckets that the provider needs in an account. Nothing else
// is permitted: the provider cannot purge a stream, create a consumer in the account, or write any other key.
var workCalls = []string{
	"INFO",                       // the account's limits and domain
	"STREAM.CREATE.*",            // buckets and mirrors
	"STREAM.UPDATE.*",            // repairs, moves, fences, promotions
	"STREAM.DELETE.*",            // destroys
	"STREAM.INFO.*",              // every refresh
	"CONSUMER.LIST.*",            // whether KINE is attached
	"DIRECT.GET.*",               // whether a mirror and its source have the same messages
	"DIRECT.GET.*.$KV.>",         // which k3s cluster a bucket belongs to
	"$KV.*." + barrierKey,        // the last sequence of a fenced bucket
	"$KV.*." + encodedCompactKey, // revisions that clients of a promoted copy may not use any more
	"$KV.*." + encodedHealthKey,  // a last message for a bucket without one
}

// WorkPermissions returns the subjects that the provider must be allowed to publish and subscribe to in an account, in
// any JetStream domain. Subjects contain the domain, except for the server's own domain, which the server removes
// before it checks the permission (generateJSMappingTable in nats-server's server/jetstream_api.go).
func WorkPermissions() (publish, subscribe []string) {
	for _, call := range workCalls {
		plain := "$JS.API." + call
		if strings.HasPrefix(call, "$KV.") {
			plain = call
		}
		publish = append(publish, plain, "$JS.*.API."+call)
	}
	publish = append(publish, SharedAPI+".*.CONSUMER.CREATE.>") // whether the source of a mirror answers
	slices.Sort(publish)
	return publish, []string{InboxSubject}
}
