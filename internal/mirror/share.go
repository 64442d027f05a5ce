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

// apiSubject is the subject of the JetStream API in the source's account.
const apiSubject = "$JS.API"

// APIPrefix returns the subject under which the importing account has the JetStream API of a source account: the
// external.api of its mirrors. The subject contains the key of the source account, so buckets of the same name in
// several accounts do not collide.
func APIPrefix(source string) string { return kine.SharedAPI + "." + source }

// DeliverPrefix returns the subject prefix of the messages of a bucket in the account source for mirrors in the account
// importer: the external.deliver of those mirrors. A server subscribes in one account to the same subject that it
// publishes to in the other, so an import cannot rename it. The subject contains the keys of both accounts, so no
// account can read the messages for another one or publish messages to it.
func DeliverPrefix(bucket, importer, source string) string {
	return strings.Join([]string{kine.SharedMessages, bucket, importer, source}, ".")
}

// Exports returns the exports that let other accounts mirror a bucket, each with an activation token. A test removes
// each of them in turn and shows that a mirror then does not follow:
//
//   - CONSUMER.CREATE with the name of the stream, for a mirror of the same name. Without it, the mirror is never
//     active.
//   - CONSUMER.CREATE with more tokens, for a mirror of another name, whose consumer has a filter. Without it, the
//     mirror is never active.
//   - $JS.FC for the replies of flow control. Without it, the mirror stops permanently after the first megabytes.
//   - The messages. Without them, the mirror stays empty although it was active seconds ago.
//
// CONSUMER.DELETE is not exported. A server of the mirror sends it (tryDeleteSourcingConsumer in nats-server's
// server/stream.go), but with a name that the consumers of a bucket do not have. With or without the export, the
// source's server removes the consumer of a deleted mirror after ten seconds of silence. An account that can delete
// consumers could delete those of KINE.
//
// The * in the subject of the messages is the key of the importing account: see [ActivationSubject].
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

// ActivationSubject returns the subject of the activation for one of the [Exports]. For the messages it is narrower
// than the export: an activation for the whole export would let an account read the messages for others.
func ActivationSubject(export, importer string) string {
	return strings.Replace(export, "*", importer, 1)
}

// Imports returns the imports that let an account mirror a bucket of the account source. The tokens are the activations
// for the [Exports], keyed by the subjects of these, and contain the key of the importing account. Invalid tokens are a
// [*TokensError].
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
			wrong.add(e.Subject, "The token is missing.")
		case err != nil:
			wrong.add(e.Subject, "The value is not an activation token.")
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

// importIndex returns the index of the import that a path leads to.
func importIndex(path []any) (int, bool) {
	if len(path) < 2 || path[0] != "Imports" {
		return 0, false
	}
	index, ok := path[1].(int)
	return index, ok
}

// CheckSource checks the public key of the account that a bucket is mirrored from.
func CheckSource(source string) error { return natsconn.CheckPublicKey(source, natsconn.AccountKey) }

// TokensError is returned if the activation tokens for a mirror are invalid.
type TokensError struct {
	Bucket string
	// Problems are sentences. Each starts with the subject of the export that it concerns.
	Problems []string
}

func (e *TokensError) add(subject, problem string) {
	e.Problems = append(e.Problems, secret.Sprintf("%q: %s", subject, problem))
}

func (e *TokensError) Error() string {
	return fmt.Sprintf("a mirror of bucket %s needs an activation token for each export of the bucket, "+
		"keyed by its subject: %s",
		e.Bucket, strings.Join(e.Problems, " "))
}
