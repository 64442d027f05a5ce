package natslab

import (
	"fmt"
	"slices"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
)

// Operator is an operator with a system account, for servers in operator mode: see [OperatorMode]. Its identity key
// and its signing key are generated and exist only in memory.
type Operator struct {
	key, signing nkeys.KeyPair
	token        string
	system       *OperatorAccount
	accounts     []*OperatorAccount
}

// OperatorAccount is an account signed by the operator. Its users are signed by its signing key.
type OperatorAccount struct {
	claims       *jwt.AccountClaims
	key, signing nkeys.KeyPair
	token        string
}

// NewOperator creates an operator that signs with signing keys. The change functions modify its claims in order.
func NewOperator(name string, change ...func(*jwt.OperatorClaims)) (*Operator, error) {
	o := &Operator{}
	var err error
	if o.key, err = nkeys.CreateOperator(); err != nil {
		return nil, fmt.Errorf("natslab: operator: %w", err)
	}
	if o.signing, err = nkeys.CreateOperator(); err != nil {
		return nil, fmt.Errorf("natslab: operator: %w", err)
	}
	// The server refuses a system account with JetStream.
	if o.system, err = o.account("SYS", nil); err != nil {
		return nil, err
	}
	claims := jwt.NewOperatorClaims(publicKey(o.key))
	claims.Name = name
	claims.SystemAccount = o.system.PublicKey()
	claims.SigningKeys.Add(publicKey(o.signing))
	for _, change := range change {
		change(claims)
	}
	if o.token, err = claims.Encode(o.key); err != nil {
		return nil, fmt.Errorf("natslab: operator: %w", err)
	}
	return o, nil
}

// AddAccount creates an account with JetStream and without limits. The change function, unless nil, modifies its
// claims. Servers that start later read the account from their configuration; it must be pushed to running servers,
// like any other account.
func (o *Operator) AddAccount(name string, change func(*jwt.AccountClaims)) (*OperatorAccount, error) {
	a, err := o.account(name, func(claims *jwt.AccountClaims) {
		claims.Limits.JetStreamLimits = jwt.JetStreamLimits{
			MemoryStorage: jwt.NoLimit, DiskStorage: jwt.NoLimit, Streams: jwt.NoLimit, Consumer: jwt.NoLimit,
			MaxAckPending: jwt.NoLimit,
		}
		if change != nil {
			change(claims)
		}
	})
	if err != nil {
		return nil, err
	}
	o.accounts = append(o.accounts, a)
	return a, nil
}

func (o *Operator) account(name string, change func(*jwt.AccountClaims)) (*OperatorAccount, error) {
	key, err := nkeys.CreateAccount()
	if err != nil {
		return nil, fmt.Errorf("natslab: account %s: %w", name, err)
	}
	signing, err := nkeys.CreateAccount()
	if err != nil {
		return nil, fmt.Errorf("natslab: account %s: %w", name, err)
	}
	claims := jwt.NewAccountClaims(publicKey(key))
	claims.Name = name
	claims.SigningKeys.Add(publicKey(signing))
	if change != nil {
		change(claims)
	}
	token, err := claims.Encode(o.signing)
	if err != nil {
		return nil, fmt.Errorf("natslab: account %s: %w", name, err)
	}
	return &OperatorAccount{claims: claims, key: key, signing: signing, token: token}, nil
}

// JWT returns the operator's JWT.
func (o *Operator) JWT() string { return o.token }

// PublicKey returns the operator's identity key, O...
func (o *Operator) PublicKey() string { return publicKey(o.key) }

// IdentitySeed returns the seed of the operator's identity key, SO...
func (o *Operator) IdentitySeed() string { return seed(o.key) }

// SigningKey returns the public half of the key that signs accounts, O...
func (o *Operator) SigningKey() string { return publicKey(o.signing) }

// SigningKeySeed returns the seed of the key that signs accounts, SO...
func (o *Operator) SigningKeySeed() string { return seed(o.signing) }

// SystemAccount returns the system account.
func (o *Operator) SystemAccount() *OperatorAccount { return o.system }

// JWT returns the account's JWT as first signed by the operator.
func (a *OperatorAccount) JWT() string { return a.token }

// PublicKey returns the account's identity key, A...
func (a *OperatorAccount) PublicKey() string { return publicKey(a.key) }

// SigningKey returns the public half of the key that signs users, A...
func (a *OperatorAccount) SigningKey() string { return publicKey(a.signing) }

// SigningKeySeed returns the seed of the key that signs users, SA...
func (a *OperatorAccount) SigningKeySeed() string { return seed(a.signing) }

// Credentials creates a user and returns its credentials in the format of a .creds file. The change function, unless
// nil, modifies the user's claims.
func (a *OperatorAccount) Credentials(name string, change func(*jwt.UserClaims)) (string, error) {
	token, key, err := a.user(name, change)
	if err != nil {
		return "", err
	}
	creds, err := jwt.FormatUserConfig(token, []byte(key))
	if err != nil {
		return "", fmt.Errorf("natslab: user %s: %w", name, err)
	}
	return string(creds), nil
}

// user creates a user and returns its JWT and its seed.
func (a *OperatorAccount) user(name string, change func(*jwt.UserClaims)) (token, userSeed string, err error) {
	key, err := nkeys.CreateUser()
	if err != nil {
		return "", "", fmt.Errorf("natslab: user %s: %w", name, err)
	}
	claims := jwt.NewUserClaims(publicKey(key))
	claims.Name = name
	claims.IssuerAccount = a.PublicKey()
	if change != nil {
		change(claims)
	}
	token, err = claims.Encode(a.signing)
	if err != nil {
		return "", "", fmt.Errorf("natslab: user %s: %w", name, err)
	}
	return token, seed(key), nil
}

// hasJetStream reports whether JetStream is enabled for the account.
func (a *OperatorAccount) hasJetStream() bool { return a.claims.Limits.IsJSEnabled() }

// first returns the account whose user Dial connects as: the first account, or the system account if there is no
// other.
func (o *Operator) first() *OperatorAccount { return append(slices.Clone(o.accounts), o.system)[0] }

// clientOption returns the option to connect as a new user of the first account.
func (o *Operator) clientOption() nats.Option {
	token, key, err := o.first().user("natslab", nil)
	if err != nil {
		return func(*nats.Options) error { return err }
	}
	return nats.UserJWTAndSeed(token, key)
}

// probes returns one probe for each account.
func (o *Operator) probes(jetStream bool) ([]probe, error) {
	var probes []probe
	for _, a := range append(slices.Clone(o.accounts), o.system) {
		token, key, err := a.user(probeName, nil)
		if err != nil {
			return nil, err
		}
		probes = append(probes, probe{JWT: token, Seed: key, JetStream: jetStream && a.hasJetStream()})
	}
	return probes, nil
}

// publicKey returns the public half of a key that was generated here, which cannot fail.
func publicKey(key nkeys.KeyPair) string {
	public, err := key.PublicKey()
	if err != nil {
		panic(err)
	}
	return public
}

// seed returns the seed of a key that was generated here, which cannot fail.
func seed(key nkeys.KeyPair) string {
	s, err := key.Seed()
	if err != nil {
		panic(err)
	}
	return string(s)
}
