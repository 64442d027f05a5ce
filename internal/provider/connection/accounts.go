package connection

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
	"github.com/nats-k3s/terraform-provider-nats/internal/kine"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

// The variables of the environment that the signing key of accounts falls back to.
const (
	// EnvAccountSigningKey is a seed (SA...), EnvAccountSigningKeyFile the path of a file that holds one. One of them can be set.
	EnvAccountSigningKey     = "NATS_ACCOUNT_SIGNING_KEY"
	EnvAccountSigningKeyFile = "NATS_ACCOUNT_SIGNING_KEY_FILE"
)

const attrAccountSigningKey = "accounts.signing_key"

// ErrNoAccountSigningKey says that nothing is configured to work inside accounts with.
var ErrNoAccountSigningKey = errors.New("no signing key of accounts is configured")

// AccountsConfig is what the provider's configuration says about working inside accounts.
type AccountsConfig struct {
	// SigningKey is a seed, SA...
	SigningKey string
	// PreviousPublicKeys stay on managed accounts beside the public half of SigningKey.
	PreviousPublicKeys []string
	// UnknownSigningKey and UnknownPrevious list attributes whose values are not known yet.
	UnknownSigningKey, UnknownPrevious []string
}

// accounts is how the provider works inside accounts.
type accounts struct {
	config AccountsConfig
	env    natsconn.Environment
	// connections are nil as long as there is no signing key.
	connections *natsconn.Accounts
	signer      *claims.Signer
}

// ConfigureAccounts sets what accounts are worked in with. What is neither set nor unknown is taken from the environment, unless that
// is nil. It does no I/O.
func (d *Data) ConfigureAccounts(config AccountsConfig, env natsconn.Environment) {
	if env == nil {
		env = func(string) string { return "" }
	}
	d.accounts = &accounts{config: config, env: env}
}

// AccountSigner returns what signs for accounts: users, and what the provider works in accounts as. The caller closes it. The error is
// an [*UnknownError], [ErrNoAccountSigningKey], or says what is wrong with the key, which is never part of it.
func (d *Data) AccountSigner() (*claims.Signer, error) {
	if d.accounts == nil {
		return nil, ErrNoAccountSigningKey
	}
	if unknown := d.accounts.config.UnknownSigningKey; len(unknown) > 0 {
		return nil, &UnknownError{Attributes: unknown}
	}
	seed, source := d.accounts.config.SigningKey, attrAccountSigningKey
	if seed == "" {
		var err error
		if seed, source, err = keyOf(d.accounts.env, EnvAccountSigningKey, EnvAccountSigningKeyFile); err != nil {
			return nil, err
		}
	}
	if source == "" {
		return nil, ErrNoAccountSigningKey
	}
	signer, err := claims.NewAccountSigner(seed)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", source, err)
	}
	return signer, nil
}

// SignerFor returns what signs for an account: the key with the seed, or the provider's where that is null. The caller closes it. Errors
// are those of [Data.AccountSigner] and of [account.NewAccountSigner].
func (d *Data) SignerFor(seed types.String) (*claims.Signer, error) {
	switch {
	case !seed.IsNull():
		return claims.NewAccountSigner(seed.ValueString())
	case d == nil:
		return nil, ErrNoAccountSigningKey
	}
	return d.AccountSigner()
}

// SignerUnknown tells whether the provider's key signs for an account, as [Data.SignerFor] has it, and is not known yet.
func (d *Data) SignerUnknown(seed types.String) bool {
	if !seed.IsNull() {
		return false
	}
	signer, err := d.SignerFor(seed)
	if err == nil {
		signer.Close()
	}
	_, unknown := errors.AsType[*UnknownError](err)
	return unknown
}

// NoSignerText says that there is neither a key in the attribute for its seed nor one of the provider, which err tells.
func NoSignerText(attribute string, err error) string {
	return fmt.Sprintf("Neither %s is set nor the provider's accounts.signing_key: %s\n\nGive the seed of a signing key of the account, or set %s in the "+
		"provider's configuration, or %s or %s in the environment.", attribute, Sentence(err.Error()), attrAccountSigningKey, EnvAccountSigningKey,
		EnvAccountSigningKeyFile)
}

// CheckAccounts tells why nothing can be worked on inside accounts. It is nil as long as the key is not known yet.
func (d *Data) CheckAccounts() error {
	signer, err := d.AccountSigner()
	if err == nil {
		signer.Close()
		return nil
	}
	if _, ok := errors.AsType[*UnknownError](err); ok {
		return nil
	}
	return err
}

// AccountKeys returns the public keys that managed accounts have as plain signing keys so that the provider can work in them, in
// order; none if no key is configured. Errors are those of [Data.AccountSigner], but for [ErrNoAccountSigningKey].
func (d *Data) AccountKeys() ([]string, error) {
	if d.accounts == nil {
		return nil, nil
	}
	if unknown := slices.Concat(d.accounts.config.UnknownSigningKey, d.accounts.config.UnknownPrevious); len(unknown) > 0 {
		return nil, &UnknownError{Attributes: unknown}
	}
	keys := slices.Clone(d.accounts.config.PreviousPublicKeys)
	signer, err := d.AccountSigner()
	switch {
	case err == nil:
		keys = append(keys, signer.PublicKey())
		signer.Close()
	case !errors.Is(err, ErrNoAccountSigningKey):
		return nil, err
	}
	slices.Sort(keys)
	return slices.Compact(keys), nil
}

// ClientOf returns the client that works in an account, given by its public key: one that is shared, whose user is minted for that
// account. An empty account is the provider's own client, as is the account of its credentials: see [Data.OwnAccount]. Errors are those of
// [Data.Client] and [Data.AccountSigner], and an [*OtherAccountError].
func (d *Data) ClientOf(publicKey string) (*natsconn.Client, error) {
	if publicKey == "" {
		return d.Client()
	}
	own, ownErr := d.OwnAccount()
	if own == publicKey {
		return d.Client()
	}
	// A key that is missing is told of first: the servers may follow.
	d.connecting.Lock()
	defer d.connecting.Unlock()
	if d.accounts == nil || d.accounts.signer == nil {
		signer, err := d.AccountSigner()
		switch {
		case errors.Is(err, ErrNoAccountSigningKey) && ownErr != nil:
			return nil, ownErr // the account may be the provider's own
		case errors.Is(err, ErrNoAccountSigningKey):
			return nil, &OtherAccountError{Account: publicKey, Own: own}
		case err != nil:
			return nil, err
		}
		d.accounts.signer = signer // for as long as the provider runs
		publish, subscribe := kine.WorkPermissions()
		permissions := claims.Permissions{
			Publish: claims.Permission{Allow: publish}, Subscribe: claims.Permission{Allow: subscribe},
		}
		d.accounts.connections = d.client.Accounts(func(publicKey string) (natsconn.Minter, error) {
			return claims.Mint(signer, publicKey, permissions)
		})
	}
	if _, err := d.Client(); err != nil {
		return nil, err
	}
	return d.accounts.connections.Client(publicKey)
}

// LoseKeys notes signing keys of the provider that an account does not have any more: the next apply gives them back.
func (d *Data) LoseKeys(publicKey string, keys []string) {
	d.losing.Lock()
	defer d.losing.Unlock()
	if d.lost == nil {
		d.lost = map[string][]string{}
	}
	d.lost[publicKey] = keys
}

// keepLost tells whether a refresh keeps what is known of a resource, because its account has lost the provider's key, as one that was deleted
// has: an error would stop the plan that repairs it. Then it adds a warning that says so; what and name are the resource's.
func (d *Data) keepLost(what, name string, err error, diags *diag.Diagnostics) bool {
	refused, ok := errors.AsType[*natsconn.AccountAuthError](err)
	if !ok {
		return false
	}
	d.losing.Lock()
	lost := slices.Contains(d.lost[refused.Account], refused.Issuer)
	d.losing.Unlock()
	if !lost {
		return false
	}
	diags.AddWarning("Account Cannot Be Worked In", secret.Sprintf("What is known of %s %q is kept as it was: the servers do not have its account %s any "+
		"more, or not with the provider's signing key %s.\n\nThe apply of the nats_account brings that back, and the plan after it shows what became of "+
		"%s. To destroy it, apply first.", what, name, refused.Account, refused.Issuer, what))
	return true
}

// keepRotating tells whether a refresh keeps what is known of a resource, because its account does not have the provider's new signing
// key yet: a rotation is under way, and the apply that follows adds it. Then it adds a warning that says so; what and name are the
// resource's.
func (d *Data) keepRotating(what, name string, err error, diags *diag.Diagnostics) bool {
	refused, ok := errors.AsType[*natsconn.AccountAuthError](err)
	if !ok || d.accounts == nil || len(d.accounts.config.PreviousPublicKeys) == 0 {
		return false
	}
	diags.AddWarning("Signing Key Is Being Rotated", secret.Sprintf("What is known of %s %q is kept as it was: its account %s does not have the provider's signing "+
		"key %s yet, and accounts.previous_public_keys says that a rotation is under way.\n\nThe apply of the nats_account adds the key. For an account "+
		"that is managed elsewhere, its owner has to.", what, name, refused.Account, refused.Issuer))
	return true
}

// accountStep says what to do about an error of working in an account.
func accountStep(err error) string {
	if refused, ok := errors.AsType[*natsconn.AccountAuthError](err); ok {
		return strings.Join([]string{
			fmt.Sprintf("Check that these servers have the account, and that it has the public key %s among its signing keys, as a plain one.", refused.Issuer),
			"A nats_account gets it by the apply of a provider block with the same accounts.signing_key: apply that first. While the key is being " +
				"rotated, keep the public half of the one before in accounts.previous_public_keys.",
			fmt.Sprintf("To an account that is managed elsewhere its owner adds it, for example with nsc: nsc edit account --name NAME --sk %s, and nsc push.",
				refused.Issuer),
			"It may also be that the clocks of this machine and of the servers are apart by more than a quarter of an hour, that the account " +
				"revokes all users (\"*\" in revocations) up to a time that is not over yet, that it hands its users to a service (authorization), or " +
				"that the servers know no operator: there, leave account out.",
		}, "\n\n")
	}
	if other, ok := errors.AsType[*OtherAccountError](err); ok {
		return fmt.Sprintf("What is there stays in the account that it was made in: nothing was looked for in another one. To work in that account, do one of these:\n\n"+
			"- Give the provider credentials of a user of the account %s. For two accounts, use two provider blocks, one with an alias.\n"+
			"- Set %s in the provider's configuration, or %s (a seed, SA...) or %s (a file that holds one) in the environment, to a signing key of that account.\n"+
			"- For a new resource in the account of the provider's own credentials, leave account out.",
			other.Account, attrAccountSigningKey, EnvAccountSigningKey, EnvAccountSigningKeyFile)
	}
	return "Set " + attrAccountSigningKey + " in the provider's configuration, or " + EnvAccountSigningKey + " (a seed, SA...) or " +
		EnvAccountSigningKeyFile + " (a file that holds one) in the environment. Or leave account out, for the account of the provider's own credentials."
}
