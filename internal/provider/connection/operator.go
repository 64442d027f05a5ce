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

// Environment variables that the secrets of the operator fall back to.
const (
	// EnvSigningKey holds a seed (SO...), EnvSigningKeyFile the path of a file with a seed. They exclude each other.
	EnvSigningKey     = "NATS_OPERATOR_SIGNING_KEY"
	EnvSigningKeyFile = "NATS_OPERATOR_SIGNING_KEY_FILE"
	// EnvSystemCredentials holds the path of a credentials file.
	EnvSystemCredentials = "NATS_SYSTEM_CREDS"
)

// Attributes of the provider that fall back to these variables.
const (
	attrSigningKey        = "operator.signing_key"
	attrSystemCredentials = "operator.system_credentials"
)

// systemUser is the name of the user of the system account in errors.
const systemUser = "the system account's user"

// Errors of an operator without a configuration, or with an incomplete one.
var (
	ErrNoOperator          = errors.New("no operator is configured")
	ErrNoSigningKey        = errors.New("no operator signing key is configured")
	ErrNoSystemCredentials = errors.New("no system account credentials are configured")
)

// OperatorConfig is the operator in the provider's configuration. An empty value falls back to the environment, unless
// it is listed as unknown.
type OperatorConfig struct {
	// SigningKey is a seed, SO...
	SigningKey string
	// SystemCredentials is the content of a credentials file, SystemCredentialsFile the path of one. They exclude each
	// other.
	SystemCredentials, SystemCredentialsFile string
	// UnknownSigningKey and UnknownSystem list attributes with unknown values.
	UnknownSigningKey, UnknownSystem []string
}

// Operator holds the key of the operator, which signs accounts, and the user of the system account, which pushes them
// to the servers. Either may be missing: signing needs no servers, and reading needs no key.
type Operator struct {
	data   *Data
	config OperatorConfig
	env    natsconn.Environment
	// auth holds the credentials of the user of the system account, or the path of their file. If no credentials are
	// configured, auth is zero and system is nil. All callers share system.
	auth   natsconn.Auth
	system *natsconn.Client
	// source describes where auth comes from.
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

// Operator returns the operator. It returns an [*UnknownError] if none of its attributes is known yet, and
// [ErrNoOperator] if neither the configuration nor the environment has a signing key or credentials for the system
// account.
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
	return len(o.config.UnknownSigningKey) == 0 &&
		(o.config.SigningKey != "" || o.env(EnvSigningKey) != "" || o.env(EnvSigningKeyFile) != "")
}

// SigningKey returns the seed of the key that signs accounts. It may read a file named by the environment. It returns
// an [*UnknownError], [ErrNoSigningKey], or an error about an invalid seed that does not contain the seed.
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

// ofSigningKey prefixes an error about the signing key with the source of the key.
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

// keyOf reads a seed from an environment variable, or from the file that another variable names. The source describes
// which of them was used; it is empty if neither is set.
func keyOf(env natsconn.Environment, variable, fileVariable string) (seed, source string, err error) {
	seed, file := env(variable), env(fileVariable)
	switch {
	case seed != "" && file != "":
		return "", "", fmt.Errorf("%s and %s are both set: set only one of them", variable, fileVariable)
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

// System returns the client that connects to the servers of the provider as a user of the system account. All callers
// share it. It returns an [*UnknownError] if the credentials or the servers are not known yet, and
// [ErrNoSystemCredentials].
func (o *Operator) System() (*natsconn.Client, error) {
	if unknown := slices.Concat(o.config.UnknownSystem, o.data.unknown); len(unknown) > 0 {
		return nil, &UnknownError{Attributes: unknown}
	}
	if o.system == nil {
		return nil, ErrNoSystemCredentials
	}
	return o.system, nil
}

// SystemAccount returns the public key of the system account according to the configured credentials, empty if there
// are none. It returns an [*UnknownError], or an error if the credentials cannot be read.
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

// foreignKeyStep is what to do if the key does not belong to the operator of the servers.
const foreignKeyStep = "Nothing was pushed. Set " + attrSigningKey + " in the provider's configuration, or " +
	EnvSigningKey + " or " +
	EnvSigningKeyFile +
	" in the environment, to the seed of a key that the servers trust, and check that servers names the intended " +
	"system. If the key is a new signing key of their operator, first restart the servers with the operator's new JWT: " +
	"a reload does not apply it."

// operatorStep returns what to do if the operator is not configured.
func operatorStep(err error) string {
	signing := attrSigningKey + " in the provider's configuration, or " + EnvSigningKey + " (a seed, SO...) or " +
		EnvSigningKeyFile +
		" (a file that contains the seed) in the environment"
	system := attrSystemCredentials + " or " + attrSystemCredentials + "_file in the provider's configuration, or " +
		EnvSystemCredentials +
		" (a credentials file) in the environment"
	switch {
	case errors.Is(err, ErrNoSigningKey):
		return "Set " + signing + "."
	case errors.Is(err, ErrNoSystemCredentials):
		return "Set " + system + "."
	case errors.Is(err, ErrNoOperator):
		return "To sign accounts, set " + signing + ".\n\nTo push them to the servers, also set " + system + "."
	}
	return ""
}
