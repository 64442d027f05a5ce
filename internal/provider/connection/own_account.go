package connection

import (
	"errors"
	"fmt"
	"sync"

	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
)

// ownAccount caches the account of the last JWT, because decoding a JWT verifies its signature.
type ownAccount struct {
	mu             sync.Mutex
	token, account string
}

func (o *ownAccount) of(token string) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	if token != o.token {
		// Servers refuse a JWT that cannot be decoded, and their error is more precise.
		o.account, _ = claims.CredentialsAccount(token)
		o.token = token
	}
	return o.account
}

// OwnAccount returns the public key of the account in the JWT of the provider's own credentials. It is empty without a
// JWT, for example with servers without an operator. It makes no request. It returns the errors of [Data.Domain].
func (d *Data) OwnAccount() (string, error) {
	if d == nil {
		return "", &UnknownError{Attributes: []string{"provider"}}
	}
	client, err := d.Client()
	if err != nil {
		return "", err
	}
	token, err := client.UserJWT()
	if err != nil || token == "" {
		return "", err
	}
	return d.own.of(token), nil
}

// OtherAccountError means that the provider needs a signing key to work in an account, and none is configured: the
// account is not that of the provider's own credentials.
type OtherAccountError struct {
	// Account is the public key of the account. Own is the public key of the account of the provider's own credentials,
	// empty if unknown.
	Account, Own string
}

func (e *OtherAccountError) Error() string {
	if e.Own == "" {
		return fmt.Sprintf("the account is %s, the provider's own credentials do not name their account, and %v",
			e.Account, ErrNoAccountSigningKey)
	}
	return fmt.Sprintf("the account is %s, the provider's own credentials belong to the account %s, and %v",
		e.Account, e.Own, ErrNoAccountSigningKey)
}

func (e *OtherAccountError) Unwrap() error { return ErrNoAccountSigningKey }

// CheckAccount returns the reason why the provider cannot work inside an account. It returns nil for a null account,
// which is the account of the provider's own credentials, and if the provider's configuration is not known yet.
func (d *Data) CheckAccount(publicKey types.String) error {
	if publicKey.IsNull() {
		return nil
	}
	err := d.CheckAccounts()
	if publicKey.IsUnknown() || !errors.Is(err, ErrNoAccountSigningKey) {
		return err
	}
	own, ownErr := d.OwnAccount()
	_, unknown := errors.AsType[*UnknownError](ownErr)
	if unknown || own == publicKey.ValueString() {
		return nil
	}
	return &OtherAccountError{Account: publicKey.ValueString(), Own: own}
}
