package connection

import (
	"errors"
	"fmt"
	"sync"

	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
)

// ownAccount remembers whose account the last JWT names, since reading one checks its signature.
type ownAccount struct {
	mu             sync.Mutex
	token, account string
}

func (o *ownAccount) of(token string) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	if token != o.token {
		// The servers refuse a JWT that cannot be read, and the error of that says more.
		o.account, _ = claims.CredentialsAccount(token)
		o.token = token
	}
	return o.account
}

// OwnAccount returns the public key of the account of the provider's own credentials, as the JWT in them tells it. It is empty if they have
// none, as for servers without an operator. It makes no request. Errors are those of [Data.Domain].
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

// OtherAccountError says that an account can only be worked in with a signing key, which is not configured: it is not that of the provider's own
// credentials.
type OtherAccountError struct {
	// Account is the public key of the account, and Own that of the provider's own credentials, empty if these do not tell.
	Account, Own string
}

func (e *OtherAccountError) Error() string {
	if e.Own == "" {
		return fmt.Sprintf("the account is %s, the provider's own credentials do not say that they are of that account, and %v", e.Account, ErrNoAccountSigningKey)
	}
	return fmt.Sprintf("the account is %s, the provider's own credentials are of the account %s, and %v", e.Account, e.Own, ErrNoAccountSigningKey)
}

func (e *OtherAccountError) Unwrap() error { return ErrNoAccountSigningKey }

// CheckAccount tells why nothing can be worked on inside an account. It is nil for a null account, which is that of the provider's own
// credentials, and as long as the provider's configuration is not known yet.
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
