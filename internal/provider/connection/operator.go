package connection

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/resolver"
	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

// The variables of the environment that the operator's secrets come from, where the provider's configuration has none.
const (
	// EnvSigningKey is a seed (SO...), EnvSigningKeyFile the path of a file that holds one. One of them can be set.
	EnvSigningKey     = "NATS_OPERATOR_SIGNING_KEY"
	EnvSigningKeyFile = "NATS_OPERATOR_SIGNING_KEY_FILE"
	// EnvSystemCredentials is the path of a credentials file.
	EnvSystemCredentials = "NATS_SYSTEM_CREDS"
)

// The attributes of the provider's configuration that they stand in for.
const (
	attrSigningKey        = "operator.signing_key"
	attrSystemCredentials = "operator.system_credentials"
)

// systemUser is what errors of a connection call its user.
const systemUser = "the system account's user"

// Errors of an operator that is not configured, or not in full.
var (
	ErrNoOperator          = errors.New("no operator is configured")
	ErrNoSigningKey        = errors.New("no signing key of the operator is configured")
	ErrNoSystemCredentials = errors.New("no credentials of a user of the system account are configured")
)

// OperatorConfig is what the provider's configuration says of the operator. What is empty comes from the environment, unless
// it is listed as unknown.
type OperatorConfig struct {
	// SigningKey is a seed, SO...
	SigningKey string
	// SystemCredentials is the content of a credentials file, SystemCredentialsFile the path of one. One of them may be set.
	SystemCredentials, SystemCredentialsFile string
	// UnknownSigningKey and UnknownSystem list attributes whose values are not known yet.
	UnknownSigningKey, UnknownSystem []string
}

// Operator is the operator that signs accounts, and the system account over which they are handed to the servers. Either may be
// missing: what is only signed needs no servers, and what is only looked up no key.
type Operator struct {
	data   *Data
	config OperatorConfig
	env    natsconn.Environment
	// auth is how the user of the system account authenticates: by the content of a credentials file or the path of one. It is zero, and
	// system nil, if nobody is configured. system is shared by all who use it.
	auth   natsconn.Auth
	system *natsconn.Client
	// source is where auth comes from.
	source string

	resolving sync.Mutex
	resolver  *resolver.Resolver
}

// ConfigureOperator adds an operator to the data. It does no I/O. The environment may be nil.
func (d *Data) ConfigureOperator(config OperatorConfig, env natsconn.Environment) {
	if env == nil {
		env = func(string) string { return "" }
	}
	o := &Operator{data: d, config: config, env: env}
	o.auth = natsconn.Auth{Credentials: config.SystemCredentials, CredentialsFile: config.SystemCredentialsFile}
	source := attrSystemCredentials
	if config.SystemCredentialsFile != "" {
		source += "_file"
	}
	if o.auth == (natsconn.Auth{}) && len(config.UnknownSystem) == 0 {
		o.auth.CredentialsFile = env(EnvSystemCredentials)
		source = EnvSystemCredentials + " in the environment"
	}
	o.source = source
	if o.auth != (natsconn.Auth{}) {
		o.system = d.client.As(systemUser, source, o.auth)
	}
	d.operator = o
}

// Operator returns the operator. Errors: [*UnknownError] if nothing of it is known yet, and [ErrNoOperator] if there is neither a
// signing key nor a user of the system account, in the configuration or in the environment.
func (d *Data) Operator() (*Operator, error) {
	o := d.operator
	switch {
	case o == nil:
		return nil, ErrNoOperator
	case o.hasSigningKey() || o.system != nil:
		return o, nil
	}
	if unknown := slices.Concat(o.config.UnknownSigningKey, o.config.UnknownSystem); len(unknown) > 0 {
		slices.Sort(unknown)
		return nil, &UnknownError{Attributes: slices.Compact(unknown)}
	}
	return nil, ErrNoOperator
}

func (o *Operator) hasSigningKey() bool {
	return len(o.config.UnknownSigningKey) == 0 && (o.config.SigningKey != "" || o.env(EnvSigningKey) != "" || o.env(EnvSigningKeyFile) != "")
}

// SigningKey returns the seed of the key that signs accounts. It reads the file that the environment may name. Errors:
// [*UnknownError], [ErrNoSigningKey] and those of a seed that cannot be used, none of which contains it.
func (o *Operator) SigningKey() (string, error) {
	if unknown := o.config.UnknownSigningKey; len(unknown) > 0 {
		return "", &UnknownError{Attributes: unknown}
	}
	seed, source := o.config.SigningKey, attrSigningKey
	if seed == "" {
		var err error
		if seed, source, err = keyOf(o.env, EnvSigningKey, EnvSigningKeyFile); err != nil {
			return "", err
		}
	}
	if source == "" {
		return "", ErrNoSigningKey
	}
	if err := natsconn.CheckSeed(seed, natsconn.OperatorKey); err != nil {
		return "", fmt.Errorf("%s: %w", source, err)
	}
	seed, _, err := natsconn.ParseSeed(seed)
	return seed, err
}

// ofSigningKey puts the source of the signing key in front of an error about it.
func (o *Operator) ofSigningKey(err error) error {
	source := attrSigningKey
	switch {
	case o.config.SigningKey != "":
	case o.env(EnvSigningKey) != "":
		source = EnvSigningKey + " in the environment"
	default:
		source = fmt.Sprintf("the file that %s names", EnvSigningKeyFile)
	}
	return fmt.Errorf("%s: %w", source, err)
}

// keyOf reads a seed from the environment, where one variable holds it or another one names a file that does. The source says which it
// was, and is empty for neither.
func keyOf(env natsconn.Environment, variable, fileVariable string) (seed, source string, err error) {
	seed, file := env(variable), env(fileVariable)
	switch {
	case seed != "" && file != "":
		return "", "", fmt.Errorf("%s and %s are both set: one of them is enough", variable, fileVariable)
	case seed != "":
		return seed, variable, nil
	case file == "":
		return "", "", nil
	}
	content, err := secret.ReadFile(file)
	if err != nil {
		return "", "", fmt.Errorf("%s: %w", fileVariable, err)
	}
	return string(content), fmt.Sprintf("the file %s that %s names", file, fileVariable), nil
}

// System returns the client that is a user of the system account, on the servers of the provider's own client. All callers share
// it. Errors: [*UnknownError], also for servers that are not known yet, and [ErrNoSystemCredentials].
func (o *Operator) System() (*natsconn.Client, error) {
	if unknown := slices.Concat(o.config.UnknownSystem, o.data.unknown); len(unknown) > 0 {
		return nil, &UnknownError{Attributes: unknown}
	}
	if o.system == nil {
		return nil, ErrNoSystemCredentials
	}
	return o.system, nil
}

// SystemAccount returns the public key of the account that the system account's user belongs to, empty if nobody is configured. The
// error is an [*UnknownError], or says that the credentials cannot be read.
func (d *Data) SystemAccount() (string, error) {
	if d.operator == nil {
		return "", nil
	}
	o := d.operator
	if len(o.config.UnknownSystem) > 0 {
		return "", &UnknownError{Attributes: o.config.UnknownSystem}
	}
	text := o.auth.Credentials
	if file := o.auth.CredentialsFile; file != "" {
		content, err := secret.ReadFile(file)
		if err != nil {
			return "", fmt.Errorf("the credentials of the system account's user, %s: %w", o.source, err)
		}
		text = string(content)
	}
	if text == "" {
		return "", nil
	}
	return claims.CredentialsAccount(text)
}

// foreignKeyStep is what to do about a key that belongs to another operator than that of the servers.
const foreignKeyStep = "Nothing was pushed. Set " + attrSigningKey + " in the provider's configuration, or " + EnvSigningKey + " or " +
	EnvSigningKeyFile + " in the environment, to the seed of a key that the servers trust, and check that servers names the system that you mean. " +
	"If it is a new signing key of that operator, first restart the servers with the operator's new JWT: a reload does not take it."

// operatorStep returns what to do about an operator that is not configured.
func operatorStep(err error) string {
	signing := attrSigningKey + " in the provider's configuration, or " + EnvSigningKey + " (a seed, SO...) or " + EnvSigningKeyFile +
		" (a file that holds one) in the environment"
	system := attrSystemCredentials + " or " + attrSystemCredentials + "_file in the provider's configuration, or " + EnvSystemCredentials +
		" (a credentials file) in the environment"
	switch {
	case errors.Is(err, ErrNoSigningKey):
		return "Set " + signing + "."
	case errors.Is(err, ErrNoSystemCredentials):
		return "Set " + system + "."
	case errors.Is(err, ErrNoOperator):
		return "To sign accounts, set " + signing + ".\n\nTo hand them to the servers, also set " + system + "."
	}
	return ""
}
