package mirror

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

// apiSubject is what the source's account has its JetStream API at.
const apiSubject = "$JS.API"

// APIPrefix returns the subject at which an account that mirrors buckets of a source account has that account's JetStream API: the
// external.api of its mirrors. It names the source, so that buckets of equal names in several accounts do not meet.
func APIPrefix(source string) string { return kine.SharedAPI + "." + source }

// DeliverPrefix returns the subject below which a bucket's messages come from the account source to mirrors in the account
// importer: the external.deliver of those mirrors. A server subscribes in the one account to the very subject that it publishes to in the
// other, so nothing can rename it; it names both accounts, so that none can take what is for another one, nor put anything there.
func DeliverPrefix(bucket, importer, source string) string {
	return strings.Join([]string{kine.SharedMessages, bucket, importer, source}, ".")
}

// Exports returns what an account has to export so that others can mirror its bucket, each with an activation token. Each was found by
// taking it away from a mirror that then did not follow:
//
//   - CONSUMER.CREATE and the name of the stream for a mirror of the bucket's own name; without it the mirror is never active.
//   - CONSUMER.CREATE and more for one of another name, which names a filter there; without it the mirror is never active.
//   - $JS.FC for the answers of flow control; without it the mirror stops for ever after the first megabytes.
//   - The messages; without them the mirror stays empty, although it was active seconds ago.
//
// CONSUMER.DELETE is not among them: a server of the mirror tries it (tryDeleteSourcingConsumer in nats-server's server/stream.go), but with
// a name that the consumers of a bucket do not have, so that the source's server removes the consumer of a mirror that has gone after
// ten seconds of silence, with and without. Whoever may delete consumers can delete those of KINE.
//
// The * in the subject of the messages stands for the importing account: see [ActivationSubject].
func Exports(bucket string) []claims.Export {
	stream := kine.StreamName(bucket)
	var exports []claims.Export
	for _, e := range []struct{ kind, subject, purpose string }{
		{claims.Service, apiSubject + ".CONSUMER.CREATE." + stream, "start of mirrors of the same name"},
		{claims.Service, apiSubject + ".CONSUMER.CREATE." + stream + ".>", "start of mirrors of another name"},
		{claims.Service, "$JS.FC." + stream + ".>", "flow control of mirrors"},
		{claims.Stream, kine.SharedMessages + "." + bucket + ".*.>", "messages to mirrors"},
	} {
		exports = append(exports, claims.Export{
			Name: fmt.Sprintf("KINE bucket %s: %s", bucket, e.purpose), Subject: e.subject, Type: e.kind, TokenRequired: true,
		})
	}
	return exports
}

// ActivationSubject returns the subject of the activation that lets an account import one of the [Exports]. For the messages it is
// narrower than the export: with an activation for all of it, an account could also read what is on its way to others.
func ActivationSubject(export, importer string) string {
	return strings.Replace(export, "*", importer, 1)
}

// Imports returns what an account has to import so that it can mirror a bucket of the account source. The tokens are its activations
// for the [Exports], by the subjects of these; they tell which account imports. What is wrong with them is a [*TokensError].
func Imports(bucket, source string, tokens map[string]string) ([]claims.Import, error) {
	wrong := &TokensError{Bucket: bucket}
	exports := Exports(bucket)
	for _, subject := range slices.Sorted(maps.Keys(tokens)) {
		if !slices.ContainsFunc(exports, func(e claims.Export) bool { return e.Subject == subject }) {
			wrong.add(subject, "kine_mirror_exports has no such subject for the bucket.")
		}
	}
	var importer string
	for _, e := range exports {
		activation, _, err := claims.DecodeActivation(tokens[e.Subject])
		switch {
		case tokens[e.Subject] == "":
			wrong.add(e.Subject, "There is no token for it.")
		case err != nil:
			wrong.add(e.Subject, "This is not an activation token.")
		case importer == "":
			importer = activation.PublicKey
		}
	}
	if len(wrong.Problems) > 0 {
		return nil, wrong
	}

	a := claims.Account{Claims: claims.Claims{PublicKey: importer}}
	for _, e := range exports {
		i := claims.Import{Name: e.Name, Account: source, Subject: e.Subject, Type: e.Type, Token: tokens[e.Subject]}
		if call, ok := strings.CutPrefix(e.Subject, apiSubject); ok {
			i.LocalSubject = APIPrefix(source) + call
		}
		if e.Type == claims.Stream {
			i.Subject = DeliverPrefix(bucket, importer, source) + ".>"
		}
		a.Imports = append(a.Imports, i)
	}
	for _, p := range a.Problems() {
		if index, ok := importIndex(p.Path); ok {
			wrong.add(exports[index].Subject, p.Text)
		}
	}
	if len(wrong.Problems) > 0 {
		return nil, wrong
	}
	return a.Imports, nil
}

// importIndex returns which import of an account a path leads to.
func importIndex(path []any) (int, bool) {
	if len(path) < 2 || path[0] != "Imports" {
		return 0, false
	}
	index, ok := path[1].(int)
	return index, ok
}

// CheckSource checks the public key of the account that a bucket is mirrored from.
func CheckSource(source string) error { return natsconn.CheckPublicKey(source, natsconn.AccountKey) }

// TokensError says what is wrong with the activation tokens for a mirror.
type TokensError struct {
	Bucket string
	// Problems are sentences, each with the subject of the export that it is about.
	Problems []string
}

func (e *TokensError) add(subject, problem string) {
	e.Problems = append(e.Problems, secret.Sprintf("%q: %s", subject, problem))
}

func (e *TokensError) Error() string {
	return fmt.Sprintf("a mirror of bucket %s needs an activation token for each of the bucket's exports, by the export's subject: %s",
		e.Bucket, strings.Join(e.Problems, " "))
}
