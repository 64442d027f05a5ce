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

// Environment variables that the account signing key falls back to.
const (
	// EnvAccountSigningKey holds a seed (SA...), EnvAccountSigningKeyFile the path of a file with a seed. They exclude
	// each other.
	EnvAccountSigningKey     = "NATS_ACCOUNT_SIGNING_KEY"
	EnvAccountSigningKeyFile = "NATS_ACCOUNT_SIGNING_KEY_FILE"
)

const attrAccountSigningKey = "accounts.signing_key"

// ErrNoAccountSigningKey means that the provider cannot create users to work inside accounts.
var ErrNoAccountSigningKey = errors.New("no account signing key is configured")

// AccountsConfig is the configuration of the provider for working inside accounts.
type AccountsConfig struct {
	// SigningKey is a seed, SA...
	SigningKey string
	// PreviousPublicKeys stay on managed accounts in addition to the public key of SigningKey.
	PreviousPublicKeys []string
	// UnknownSigningKey and UnknownPrevious list attributes with unknown values.
	UnknownSigningKey, UnknownPrevious []string
}

// accounts holds what the provider needs to work inside accounts.
type accounts struct {
	config AccountsConfig
	env    natsconn.Environment
	// connections is nil until the signing key has been read.
	connections *natsconn.Accounts
	signer      *claims.Signer
}

// ConfigureAccounts sets the configuration for working inside accounts. A value that is neither set nor unknown falls
// back to the environment, which may be nil. It does no I/O.
func (d *Data) ConfigureAccounts(config AccountsConfig, env natsconn.Environment) {
	if env == nil {
		env = func(string) string { return "" }
	}
	d.accounts = &accounts{config: config, env: env}
}

// AccountSigner returns the signer of the account signing key, which signs users. The caller closes it. The error is an
// [*UnknownError], [ErrNoAccountSigningKey], or describes what is wrong with the key without containing it.
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

// SignerFor returns the signer for an account: the key with this seed, or the provider's key if the seed is null. The
// caller closes it. It returns the errors of [Data.AccountSigner] and [claims.NewAccountSigner].
func (d *Data) SignerFor(seed types.String) (*claims.Signer, error) {
	switch {
	case !seed.IsNull():
		return claims.NewAccountSigner(seed.ValueString())
	case d == nil:
		return nil, ErrNoAccountSigningKey
	}
	return d.AccountSigner()
}

// SignerUnknown reports whether [Data.SignerFor] needs the provider's key and that key is not known yet.
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

// NoSignerText returns the detail of an error: the attribute for a seed is not set, and err is the reason why the
// provider has no key either.
func NoSignerText(attribute string, err error) string {
	return fmt.Sprintf("Neither %s nor the provider's accounts.signing_key is set: %s\n\n"+
		"Set %s to the seed of a signing key of the account, or set %s in the provider's configuration, or %s or %s in the "+
		"environment.",
		attribute, Sentence(err.Error()), attribute, attrAccountSigningKey, EnvAccountSigningKey, EnvAccountSigningKeyFile)
}

// CheckAccounts returns the reason why the provider cannot work inside accounts. It returns nil if the key is not known
// yet.
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

// AccountKeys returns the sorted public keys that managed accounts have as plain signing keys so that the provider can
// work inside them. It returns none if no key is configured. It returns the errors of [Data.AccountSigner] except
// [ErrNoAccountSigningKey].
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

// ClientOf returns the shared client that works in the account with this public key, as a user minted for that account.
// It returns the provider's own client if the public key is empty or that of [Data.OwnAccount]. It returns the errors
// of [Data.Client] and [Data.AccountSigner], and an [*OtherAccountError].
func (d *Data) ClientOf(publicKey string) (*natsconn.Client, error) {
	if publicKey == "" {
		return d.Client()
	}
	own, ownErr := d.OwnAccount()
	if own == publicKey {
		return d.Client()
	}
	// A missing key is reported before missing servers.
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

// LoseKeys notes signing keys of the provider that an account no longer has. The next apply adds them again.
func (d *Data) LoseKeys(publicKey string, keys []string) {
	d.losing.Lock()
	defer d.losing.Unlock()
	if d.lost == nil {
		d.lost = map[string][]string{}
	}
	d.lost[publicKey] = keys
}

// keepLost reports whether a refresh keeps the prior state of a resource because its account no longer has the
// provider's key, for example because the account was deleted. An error would stop the plan that repairs the account.
// If so, it adds a warning about the resource that what and name describe.
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
	diags.AddWarning("No Access to Account",
		secret.Sprintf("The prior state of %s %q is kept: the servers no longer have its account "+
			"%s, or the account no longer has the provider's signing key %s.\n\n"+
			"Apply the nats_account to restore it. The plan after that shows the current state of %s. To destroy it, apply "+
			"first.", what, name, refused.Account, refused.Issuer, what))
	return true
}

// keepRotating reports whether a refresh keeps the prior state of a resource because its account does not have the
// provider's new signing key yet: the apply during a rotation adds it. If so, it adds a warning about the resource that
// what and name describe.
func (d *Data) keepRotating(what, name string, err error, diags *diag.Diagnostics) bool {
	refused, ok := errors.AsType[*natsconn.AccountAuthError](err)
	if !ok || d.accounts == nil || len(d.accounts.config.PreviousPublicKeys) == 0 {
		return false
	}
	diags.AddWarning("Signing Key Is Being Rotated",
		secret.Sprintf("The prior state of %s %q is kept: its account %s does not have the "+
			"provider's signing key %s yet, and accounts.previous_public_keys is set, so a rotation is in progress.\n\n"+
			"Apply the nats_account to add the key. If the account is managed elsewhere, its owner must add the key.",
			what, name, refused.Account, refused.Issuer))
	return true
}

// accountStep returns what to do if the provider cannot work in an account.
func accountStep(err error) string {
	if refused, ok := errors.AsType[*natsconn.AccountAuthError](err); ok {
		return strings.Join([]string{
			fmt.Sprintf("Check that these servers have the account and that it lists the public key %s as a plain signing key.",
				refused.Issuer),
			"If the account is a nats_account, apply it first with the same accounts.signing_key in its provider block: the " +
				"apply adds the key. While the key is being rotated, keep the previous public key in " +
				"accounts.previous_public_keys.",
			fmt.Sprintf("If the account is managed elsewhere, its owner must add the key, for example with nsc: nsc edit "+
				"account --name NAME --sk %s, then nsc push.", refused.Issuer),
			"Other possible causes: the clocks of this machine and the servers differ by more than 15 minutes; the account " +
				"revokes all users (\"*\" in revocations) up to a time in the future; the account uses an auth callout " +
				"(authorization); or the servers have no operator. In the last case, leave account out.",
		}, "\n\n")
	}
	if other, ok := errors.AsType[*OtherAccountError](err); ok {
		return fmt.Sprintf("Nothing was changed, and no other account was searched. To work in that account, do one of the "+
			"following:\n\n"+
			"- Configure the provider with credentials of a user of the account %s. For two accounts, use two provider "+
			"blocks, one of them with an alias.\n"+
			"- Set %s in the provider's configuration, or %s (a seed, SA...) or %s (a file that contains the seed) in the "+
			"environment, to a signing key of that account.\n"+
			"- To create a new resource in the account of the provider's own credentials, leave account out.",
			other.Account, attrAccountSigningKey, EnvAccountSigningKey, EnvAccountSigningKeyFile)
	}
	return "Set " + attrAccountSigningKey + " in the provider's configuration, or " + EnvAccountSigningKey +
		" (a seed, SA...) or " +
		EnvAccountSigningKeyFile +
		" (a file that contains the seed) in the environment. To work in the account of the provider's own " +
		"credentials, leave account out."
}
