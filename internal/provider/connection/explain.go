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

// Explain tells a failure of a NATS connection or of the JetStream API in the user's words: what happened, and the step to
// take. Failures of other kinds are told as they are.
func Explain(err error) string {
	return Sentence(err.Error()) + remedy(err)
}

// remedy returns whose credentials were used where that matters, and the step to take, each with a leading blank line, or "" where none is known.
func remedy(err error) string {
	parts := []string{whose(err), step(err)}
	if _, ok := errors.AsType[*natsconn.AuthError](err); !ok {
		slices.Reverse(parts) // whose they are matters if the step does not help
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

// whose says whom the provider connected as, or wanted to, and whom it should have.
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
		return "No credentials were given, neither in the provider's configuration nor in the environment nor in a NATS context."
	case refused && of.IsExpired():
		return fmt.Sprintf("They are those of %s, and expired at %s. Credentials that are signed anew take their place.", of, of.Expires.Format(time.RFC3339))
	case refused && of.Account != "":
		return fmt.Sprintf("They are those of %s. Servers accept users of accounts that their own operator has signed.", of)
	case refused:
		return fmt.Sprintf("They are those of %s.", of)
	case absent && !noJetStream.Account && of.Account == "":
		return "" // a matter of the server
	case absent && !noJetStream.Account && noJetStream.Domain != "":
		return fmt.Sprintf("The provider connected as %s. The leaf node of the domain must be connected to the same account.", of)
	case absent:
		return fmt.Sprintf("The provider connected as %s. It needs a user of an account that has JetStream, which the system account does not.", of)
	}
	return fmt.Sprintf("The provider connected as %s. It needs a user of the system account.", of)
}

// tolerateStep is what else helps where a read fails.
const tolerateStep = `With unreachable = "warn" in the provider's configuration this is a warning: a refresh keeps what is known of a resource, and a data source ` +
	"whose server cannot be reached returns null."

// tolerableError is an error that the provider's unreachable may turn into a warning.
type tolerableError struct{ error }

func (e tolerableError) Unwrap() error { return e.error }

// Tolerable marks the error of a refresh or a data source, for which [Explain] then names the provider's unreachable where that would help. Nothing else
// follows unreachable.
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
		return "Give these attributes values that are known when the plan is made, or apply first what they depend on, with " +
			"-target. An unknown value never falls back to the environment."
	case errors.Is(err, natsconn.ErrNoServers):
		return "Set servers or context in the provider's configuration, or " + natsconn.EnvURL + " or " + natsconn.EnvContext +
			" in the environment, or select a context with the NATS CLI."
	case errors.As(err, &unreachable) && unreachable.IsMute():
		return "A server took the connection and said nothing. A server with handshake_first in its tls block waits for the client to begin: set " +
			"tls = { handshake_first = true } in the provider's configuration, with ca_file or ca_pem if the system does not know the certificate " +
			"authority. Otherwise check that the server does not hang, that the URLs have the port for clients, and that a load balancer has " +
			"servers behind it."
	case errors.As(err, &unreachable):
		return "Check that the servers are up, that their URLs are right and that this machine may connect to them."
	case errors.As(err, &tls):
		return "Check tls in the provider's configuration: ca_file or ca_pem if the system does not know the servers' certificate " +
			"authority, a client certificate and its key if they ask for one, server_name if their certificate is for another " +
			"name, handshake_first if they have that set."
	case errors.Is(err, ErrNoOperator), errors.Is(err, ErrNoSigningKey), errors.Is(err, ErrNoSystemCredentials):
		return operatorStep(err)
	case errors.As(err, &untrusted):
		return foreignKeyStep
	case errors.Is(err, ErrNoAccountSigningKey), errors.As(err, &inAccount):
		return accountStep(err)
	case errors.As(err, &full):
		return "Raise the account's limit of connections (limits.connections of a nats_account): the provider needs one beside those of the account's own " +
			"clients. Or wait until one of these is gone."
	case errors.As(err, &auth) && auth.Who == systemUser:
		return "Check " + attrSystemCredentials + " and " + attrSystemCredentials + "_file in the provider's configuration, or the file that " +
			EnvSystemCredentials + " names: they have to be those of a user of the system account of these servers, who is neither " +
			"expired nor revoked."
	case errors.As(err, &auth):
		return "Check the credentials in the provider's configuration, in the environment (" +
			strings.Join([]string{natsconn.EnvCreds, natsconn.EnvUser, natsconn.EnvPassword, natsconn.EnvToken, natsconn.EnvNKey}, ", ") +
			") or in the NATS context."
	case errors.As(err, &version):
		return "Upgrade nats-server."
	case errors.As(err, &permission) && permission.Publish:
		return secret.Sprintf("Grant the user permission to publish to %q.", permission.Subject)
	case errors.As(err, &permission):
		return secret.Sprintf("Grant the user permission to subscribe to %q: answers come in there.", inboxes(permission.Subject))
	case errors.As(err, &noJetStream) && noJetStream.Account:
		return "Give the account JetStream limits, or enable JetStream for it in the server's configuration." + reservedStep
	case errors.As(err, &noJetStream) && noJetStream.Domain != "":
		return "Check jetstream_domain, and that the leaf node connection to that domain is up."
	case errors.As(err, &noJetStream):
		return "Enable JetStream on the server (jetstream { ... } in its configuration), or set jetstream_domain to the domain " +
			"that has it." + reservedStep
	case errors.As(err, &timeout):
		return "The server may be overloaded or a cluster may be without a leader. Whether the request was carried out is " +
			"not known; the next plan shows it. request_timeout in the provider's configuration sets how long to wait."
	case errors.As(err, &answer):
		return "Nothing of that answer was used. Something other than nats-server answers: check what is between this machine and the servers, and that no " +
			"client of the account subscribes to subjects such as >, $JS.API.> or $SYS.> and replies to what comes there."
	case errors.As(err, &api):
		return apiStep(api)
	}
	return ""
}

// reservedStep tells of accounts whose limits a server cannot hold. It only says so in its log (configJetStream in nats-server's
// server/accounts.go).
const reservedStep = " A server also leaves JetStream off for an account whose disk_storage or memory_storage, together with those of all other " +
	"accounts, is more than it has; its log then says \"insufficient storage resources available\"."

// inboxes returns the subject of all inboxes from that of one connection's, which has a token of its own and a wildcard
// behind the common prefix.
func inboxes(subject string) string {
	tokens := strings.Split(subject, ".")
	return strings.Join(append(tokens[:max(1, len(tokens)-2)], ">"), ".")
}

// apiStep returns what to do about an error code of the JetStream API.
func apiStep(err *natsconn.APIError) string {
	switch err.ErrCode {
	case natsconn.CodeReplicasNotSupported:
		return "The server is not part of a cluster, which keeps one replica only. Set replicas to 1, or connect to a cluster."
	case natsconn.CodeNoSuitablePeers:
		return "The cluster has fewer servers than replicas are asked for, some are offline or full, or none fits the " +
			"placement. Lower replicas, add servers, or change placement."
	case natsconn.CodeAccountResources, natsconn.CodeInsufficientStorage, natsconn.CodeMaxStreamBytes:
		return "The account's or the server's JetStream storage is used up. Raise the limit, or delete what is not needed."
	case natsconn.CodeMaximumStreams:
		return "The account may have no more streams. Raise its limit, or delete what is not needed."
	case natsconn.CodeMaxBytesRequired:
		return "The account demands max_bytes of every stream (max_bytes_required), and KINE sets none, so k3s could not start. " +
			"Turn that limit off for the account; disk_storage and disk_max_stream_bytes bound it as well."
	case natsconn.CodeNoLimits:
		return "The account has JetStream limits for some numbers of replicas and none for this one. Add a tier for it, or " +
			"change replicas."
	case natsconn.CodeStreamOffline:
		return "None of the servers that hold the stream is up. Bring them back, or restore the stream elsewhere."
	case natsconn.CodeClusterNotAvailable, natsconn.CodeNoLeader:
		return "The cluster has no leader at the moment. Check that enough of its servers are up, and run apply again."
	}
	return ""
}

// Sentence makes a sentence of an error's text. A first word that is more than a word, such as a URL, stays as it is.
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
