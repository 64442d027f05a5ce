package claims

import (
	"context"
	"time"

	"github.com/nats-io/nkeys"

	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
)

// workLifetime is how long the JWT of a user counts that is minted to work in an account. A connection that is open
// longer than that is made anew.
const workLifetime = 15 * time.Minute

// Minted is a user that is made to work in one account for a while, with given permissions. Its seed and its JWTs are
// in memory only. It is a [natsconn.Minter].
type Minted struct {
	signer    *Signer
	account   string
	publicKey string
	// permissions are what the user may do.
	permissions Permissions
	// sign signs with the user's key. It is a function for the reason that [Signer] has.
	sign func([]byte) ([]byte, error)
}

// Mint creates a user of the account with these permissions. A plain signing key of the account signs it. The signer
// must stay open.
func Mint(signer *Signer, account string, permissions Permissions) (*Minted, error) {
	if err := natsconn.CheckPublicKey(account, natsconn.AccountKey); err != nil {
		return nil, err
	}
	pair, err := nkeys.CreateUser()
	if err != nil {
		return nil, err
	}
	public, err := pair.PublicKey()
	if err != nil {
		return nil, err
	}
	return &Minted{signer: signer, account: account, publicKey: public, permissions: permissions, sign: pair.Sign}, nil
}

// Issuer returns the public key of the signing key.
func (m *Minted) Issuer() string { return m.signer.PublicKey() }

// Token returns a JWT that counts from now on for a quarter of an hour.
func (m *Minted) Token() (string, error) {
	user := &User{
		Claims: Claims{PublicKey: m.publicKey, Name: "terraform-provider-nats",
			Expires: time.Now().Add(workLifetime).Truncate(time.Second)},
		UserLimits:    UserLimits{Permissions: m.permissions},
		IssuerAccount: m.account,
	}
	return user.Sign(context.Background(), m.signer, SystemClock{}, time.Time{})
}

// Sign signs a server's nonce.
func (m *Minted) Sign(nonce []byte) ([]byte, error) { return m.sign(nonce) }
