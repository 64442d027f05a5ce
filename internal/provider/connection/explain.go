package connection

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/resolver"
	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

// Explain explains an error of a NATS connection or of the JetStream API to the user: what happened and what to do.
// Other errors are returned as a sentence.
func Explain(err error) string {
	return Sentence(err.Error()) + remedy(err)
}

// remedy returns whose credentials were used, if relevant, and what to do. Each part starts with a blank line. The
// result is empty if neither is known.
func remedy(err error) string {
	parts := []string{whose(err), step(err)}
	if _, ok := errors.AsType[*natsconn.AuthError](err); !ok {
		slices.Reverse(parts) // the credentials are relevant only if the step does not help
	}
	if _, ok := errors.AsType[tolerableError](err); ok && natsconn.IsUnreachable(err) {
		parts = append(parts, tolerateStep)
	}
	var text strings.Builder
	for _, part := range parts {
		if part != "" {
			text.WriteString("\n\n" + part)
		}
	}
	return text.String()
}

// whose returns which user the provider connected as or tried to connect as, and which user it needs.
func whose(err error) string {
	identified, ok := errors.AsType[*natsconn.IdentityError](err)
	if !ok {
		return ""
	}
	of := identified.Identity
	_, refused := errors.AsType[*natsconn.AuthError](err)
	noJetStream, absent := errors.AsType[*natsconn.NoJetStreamError](err)
	switch {
	case refused && of.Way == "":
		return "No credentials are set in the provider's configuration, in the environment or in a NATS context."
	case refused && of.IsExpired():
		return fmt.Sprintf("The provider used %s. These credentials expired at %s. Replace them with newly signed "+
			"credentials.",
			of, of.Expires.Format(time.RFC3339))
	case refused && of.Account != "":
		return fmt.Sprintf("The provider used %s. Servers accept only users of accounts that their own operator signed.", of)
	case refused:
		return fmt.Sprintf("The provider used %s.", of)
	case absent && !noJetStream.Account && of.Account == "":
		return "" // the cause is on the server
	case absent && !noJetStream.Account && noJetStream.Domain != "":
		return fmt.Sprintf("The provider connected as %s. The leaf node of the domain must be connected to the same account.",
			of)
	case absent:
		return fmt.Sprintf("The provider connected as %s. It needs a user of an account with JetStream. The system account "+
			"has none.", of)
	}
	return fmt.Sprintf("The provider connected as %s. It needs a user of the system account.", of)
}

// tolerateStep is another remedy for a failed read.
const tolerateStep = `Set unreachable = "warn" in the provider's configuration to turn this error into a warning: a refresh then ` +
	"keeps the prior state of a resource, and a data source returns null."

// tolerableError is an error that the provider attribute unreachable can turn into a warning.
type tolerableError struct{ error }

func (e tolerableError) Unwrap() error { return e.error }

// Tolerable marks an error of a refresh or a data source, so that [Explain] suggests the provider attribute unreachable
// if it applies.
func Tolerable(err error) error { return tolerableError{err} }

func step(err error) string {
	var (
		unknown     *UnknownError
		unreachable *natsconn.UnreachableError
		tls         *natsconn.TLSError
		auth        *natsconn.AuthError
		inAccount   *natsconn.AccountAuthError
		full        *natsconn.ConnectionLimitError
		version     *natsconn.ServerVersionError
		permission  *natsconn.PermissionError
		noJetStream *natsconn.NoJetStreamError
		timeout     *natsconn.TimeoutError
		api         *natsconn.APIError
		answer      *natsconn.AnswerError
		untrusted   *resolver.UntrustedIssuerError
	)
	switch {
	case errors.As(err, &unknown):
		return "Set these attributes to values that are known during the plan, or first apply the resources that they " +
			"depend on with -target. An unknown value never falls back to the environment."
	case errors.Is(err, natsconn.ErrNoServers):
		return "Set servers or context in the provider's configuration, or " + natsconn.EnvURL + " or " +
			natsconn.EnvContext +
			" in the environment, or select a context with the NATS CLI."
	case errors.As(err, &unreachable) && unreachable.IsMute():
		return "A server accepted the connection but sent nothing. A server with handshake_first in its tls block waits " +
			"for the TLS handshake of the client: set tls = { handshake_first = true } in the provider's configuration, with " +
			"ca_file or ca_pem if the system does not trust the certificate authority. Otherwise check that the server does " +
			"not hang, that the URLs use the client port, and that a load balancer has servers behind it."
	case errors.As(err, &unreachable):
		return "Check that the servers are up, that their URLs are correct and that this machine can connect to them."
	case errors.As(err, &tls):
		return "Check tls in the provider's configuration: ca_file or ca_pem if the system does not trust the servers' " +
			"certificate authority, a client certificate and its key if the servers require one, server_name if their " +
			"certificate is for another name, handshake_first if it is set on the servers."
	case errors.Is(err, ErrNoOperator), errors.Is(err, ErrNoSigningKey), errors.Is(err, ErrNoSystemCredentials):
		return operatorStep(err)
	case errors.As(err, &untrusted):
		return foreignKeyStep
	case errors.Is(err, ErrNoAccountSigningKey), errors.As(err, &inAccount):
		return accountStep(err)
	case errors.As(err, &full):
		return "Raise the account's connection limit (limits.connections of a nats_account): the provider needs one " +
			"connection in addition to those of the account's own clients. Or wait until a client disconnects."
	case errors.As(err, &auth) && auth.Who == systemUser:
		return "Check " + attrSystemCredentials + " and " + attrSystemCredentials +
			"_file in the provider's configuration, or the file " +
			"that " + EnvSystemCredentials +
			" names. The credentials must belong to a user of the system account of these servers, and " +
			"the user must not be expired or revoked."
	case errors.As(err, &auth):
		return "Check the credentials in the provider's configuration, in the environment (" +
			strings.Join([]string{natsconn.EnvCreds, natsconn.EnvUser, natsconn.EnvPassword, natsconn.EnvToken,
				natsconn.EnvNKey}, ", ") +
			") or in the NATS context."
	case errors.As(err, &version):
		return "Upgrade nats-server."
	case errors.As(err, &permission) && permission.Publish:
		return secret.Sprintf("Grant the user permission to publish to %q.", permission.Subject)
	case errors.As(err, &permission):
		return secret.Sprintf("Grant the user permission to subscribe to %q: the provider receives responses there.",
			inboxes(permission.Subject))
	case errors.As(err, &noJetStream) && noJetStream.Account:
		return "Give the account JetStream limits, or enable JetStream for it in the server's configuration." + reservedStep
	case errors.As(err, &noJetStream) && noJetStream.Domain != "":
		return "Check jetstream_domain, and that the leaf node connection to that domain is up."
	case errors.As(err, &noJetStream):
		return "Enable JetStream on the server (jetstream { ... } in its configuration), or set jetstream_domain to a " +
			"domain with JetStream." + reservedStep
	case errors.As(err, &timeout):
		return "The server may be overloaded, or a cluster may be without a leader. It is unknown whether the request was " +
			"carried out; the next plan shows it. Set request_timeout in the provider's configuration to wait longer."
	case errors.As(err, &answer):
		return "The response was ignored. It may not come from nats-server: check what is between this machine and the " +
			"servers, and that no client of the account subscribes to subjects such as >, $JS.API.> or $SYS.> and replies to " +
			"requests."
	case errors.As(err, &api):
		return apiStep(api)
	}
	return ""
}

// reservedStep describes accounts whose limits a server cannot reserve. The server reports this only in its log
// (configJetStream in nats-server's server/accounts.go).
const reservedStep = " A server also disables JetStream for an account if it cannot reserve the account's " +
	"disk_storage or memory_storage in addition to those of all other accounts; its log then contains \"insufficient " +
	"storage resources available\"."

// inboxes returns the subject of all inboxes, given the subject of the inboxes of one connection: the common prefix, a
// token for the connection, and a wildcard.
func inboxes(subject string) string {
	tokens := strings.Split(subject, ".")
	return strings.Join(append(tokens[:max(1, len(tokens)-2)], ">"), ".")
}

// apiStep returns what to do about an error code of the JetStream API.
func apiStep(err *natsconn.APIError) string {
	switch err.ErrCode {
	case natsconn.CodeReplicasNotSupported:
		return "The server is not part of a cluster and supports only one replica. Set replicas to 1, or connect to a " +
			"cluster."
	case natsconn.CodeNoSuitablePeers:
		return "The cluster has fewer servers than the requested replicas, some servers are offline or full, or no server " +
			"matches the placement. Lower replicas, add servers, or change placement."
	case natsconn.CodeAccountResources, natsconn.CodeInsufficientStorage, natsconn.CodeMaxStreamBytes:
		return "The JetStream storage of the account or the server is exhausted. Raise the limit, or delete unused streams."
	case natsconn.CodeMaximumStreams:
		return "The account has reached its maximum number of streams. Raise the limit, or delete unused streams."
	case natsconn.CodeMaxBytesRequired:
		return "The account requires max_bytes for every stream (max_bytes_required). KINE does not set it, so k3s could " +
			"not start. Turn this limit off for the account; disk_storage and disk_max_stream_bytes also limit its storage."
	case natsconn.CodeNoLimits:
		return "The account has JetStream limits for other numbers of replicas, but none for this number. Add a tier for " +
			"it, or change replicas."
	case natsconn.CodeStreamOffline:
		return "All servers that hold the stream are down. Start them, or restore the stream elsewhere."
	case natsconn.CodeClusterNotAvailable, natsconn.CodeNoLeader:
		return "The cluster has no leader. Check that enough of its servers are up, and run apply again."
	}
	return ""
}

// Sentence turns the text of an error into a sentence. It does not capitalize a first word such as a URL.
func Sentence(text string) string {
	first, _, _ := strings.Cut(text, " ")
	if first != "" && !strings.ContainsAny(first, ":/._\"") {
		text = strings.ToUpper(text[:1]) + text[1:]
	}
	if text == "" || strings.HasSuffix(text, ".") || strings.HasSuffix(text, "!") {
		return text
	}
	return text + "."
}
