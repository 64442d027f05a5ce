package serverconf

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/nats-io/jwt/v2"

	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
)

// operator checks that a text is the JWT of an operator, signed by itself. Any other text may be a secret and is not
// quoted.
func (c *checker) operator(token string) {
	if token == "" {
		return
	}
	at := Path{"operator"}
	claims, err := decodeOperator(token)
	if err != nil {
		c.add(at, "it must be the JWT of an operator: %s", err)
		return
	}
	if issue := blocking(claims); issue != "" {
		c.add(at, "the operator's JWT is not valid: %s", issue)
	}
}

func decodeOperator(token string) (*jwt.OperatorClaims, error) {
	decoded, err := decode(token)
	if err != nil {
		return nil, err
	}
	claims, ok := decoded.(*jwt.OperatorClaims)
	if !ok {
		return nil, fmt.Errorf("the value is a JWT of type %s", decoded.ClaimType())
	}
	return claims, nil
}

func decodeAccount(token string) (*jwt.AccountClaims, error) {
	decoded, err := decode(token)
	if err != nil {
		return nil, err
	}
	claims, ok := decoded.(*jwt.AccountClaims)
	if !ok {
		return nil, fmt.Errorf("the value is a JWT of type %s", decoded.ClaimType())
	}
	return claims, nil
}

// decode decodes and verifies a JWT. The error does not quote the text.
func decode(token string) (jwt.Claims, error) {
	if natsconn.IsSeed(token) {
		return nil, errors.New("the value is the seed of a key, which must not leave the place where accounts are " +
			"signed; use the JWT instead")
	}
	// The server accepts a JWT inline only if it starts like this; it treats anything else as the path of a file.
	if !strings.HasPrefix(token, "eyJ") || strings.Count(token, ".") != 2 || strings.ContainsFunc(token, notInNames) {
		return nil, errors.New(`the value does not have the form of a JWT: a single line that starts with "eyJ", ` +
			`without decoration`)
	}
	claims, err := jwt.Decode(token)
	if err != nil {
		return nil, errors.New("the value cannot be decoded, or its signature does not match; use the JWT unchanged")
	}
	return claims, nil
}

// blocking returns the first issue that makes the claims unusable or expired.
func blocking(claims jwt.Claims) string {
	if err := checkKeys(claims); err != nil {
		return err.Error()
	}
	var results jwt.ValidationResults
	claims.Validate(&results)
	for _, issue := range results.Issues {
		if issue.Blocking || issue.TimeCheck {
			return issue.Description
		}
	}
	return ""
}

// checkKeys checks the keys in the claims: the library also accepts keys that contain a line break, which no server
// can match.
func checkKeys(claims jwt.Claims) error {
	var keys []string
	kind := natsconn.AccountKey
	switch claims := claims.(type) {
	case *jwt.OperatorClaims:
		keys, kind = claims.SigningKeys, natsconn.OperatorKey
		if claims.SystemAccount != "" {
			if err := natsconn.CheckPublicKey(claims.SystemAccount, natsconn.AccountKey); err != nil {
				return fmt.Errorf("system account: %w", err)
			}
		}
	case *jwt.AccountClaims:
		keys = claims.SigningKeys.Keys()
		slices.Sort(keys)
	}
	for _, key := range keys {
		if err := natsconn.CheckPublicKey(key, kind); err != nil {
			return fmt.Errorf("signing key: %w", err)
		}
	}
	return nil
}

// accountKey checks that a text is the public key of an account. Any other text may be a secret and is not quoted.
func (c *checker) accountKey(at Path, key string) {
	if key == "" {
		return
	}
	if err := natsconn.CheckPublicKey(key, natsconn.AccountKey); err != nil {
		c.add(at, "%s", err)
	}
}

// preload checks each preloaded account on its own.
func (c *checker) preload(accounts map[string]string) {
	for _, key := range slices.Sorted(maps.Keys(accounts)) {
		at := Path{"resolver", "preload", Key(key)}
		c.accountKey(at, key)
		if accounts[key] == "" || natsconn.CheckPublicKey(key, natsconn.AccountKey) != nil {
			continue
		}
		claims, err := decodeAccount(accounts[key])
		switch {
		case err != nil:
			c.add(at, "it must be the JWT of an account: %s", err)
		case claims.Subject != key:
			c.add(at, "this is the JWT of account %s: store it under that key", claims.Subject)
		default:
			if issue := blocking(claims); issue != "" {
				c.add(at, "the account's JWT is not valid: %s", issue)
			}
		}
	}
}

// checkTrust checks that operator, system account and preloaded accounts belong together. Each of them is known to be
// valid.
func (c Config) checkTrust() []Problem {
	if c.Operator == "" {
		return nil
	}
	ch := &checker{}
	operator, err := decodeOperator(c.Operator)
	if err != nil {
		ch.add(Path{"operator"}, "%s", err)
		return ch.problems
	}
	for _, key := range slices.Sorted(maps.Keys(c.Resolver.Preload)) {
		at := Path{"resolver", "preload", Key(key)}
		claims, err := decodeAccount(c.Resolver.Preload[key])
		switch {
		case err != nil:
			ch.add(at, "%s", err)
		case operator.DidSign(claims):
		case claims.Issuer == operator.Subject:
			ch.add(at, "it is signed by the operator's identity key, which the operator's JWT forbids (strict "+
				"signing keys): sign it with a signing key of the operator")
		default:
			ch.add(at, "it is signed by %s, which is neither the operator %s nor one of its signing keys, so the "+
				"server would ignore the account: sign it with one of those keys, or add that key to the operator",
				claims.Issuer, operator.Subject)
		}
	}
	ch.systemAccount(c, operator)
	return ch.problems
}

func (c *checker) systemAccount(config Config, operator *jwt.OperatorClaims) {
	at := Path{"system_account"}
	account, named := config.SystemAccount, operator.SystemAccount
	switch {
	case account == "" && named == "":
		if config.Resolver.Type != Memory {
			c.add(at, "accounts are pushed through the system account, but the operator's JWT does not name one: "+
				"set it")
		}
		return
	case account == "":
		account = named
	case named != "" && account != named:
		c.add(at, "the operator's JWT names %s as the system account: omit it, or set the same account", named)
		return
	}
	_, preloaded := config.Resolver.Preload[account]
	switch {
	case preloaded:
	case config.Resolver.Type == Memory:
		c.add(Path{"resolver", "preload"}, "the system account %s is not preloaded, and a server with a resolver of "+
			"type %q does not start without it: add its JWT", account, Memory)
	case config.Resolver.Type == Full && named == "":
		c.add(at, "it is neither in resolver.preload nor named by the operator's JWT: add its JWT to resolver.preload")
	}
}
