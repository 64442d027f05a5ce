package natsconn

import (
	"time"

	"github.com/nats-io/jwt/v2"

	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

// Identity is the user that a client connects as, as far as it is known without a server.
type Identity struct {
	// Way describes the credentials, for example "a token". It is empty without credentials.
	Way string
	// Name is the name of the user, Key its public key. Either can be empty.
	Name, Key string
	// Account is the public key of the account in the user's JWT, empty without a JWT.
	Account string
	// Expires is the expiry of the JWT, zero if it does not expire or there is none.
	Expires time.Time
	// Source is the source of the credentials: an attribute, an environment variable, or a NATS context.
	Source string
}

// IsExpired reports whether the user's JWT has expired.
func (i Identity) IsExpired() bool { return !i.Expires.IsZero() && !i.Expires.After(time.Now()) }

// String describes the user without secrets.
func (i Identity) String() string {
	text := "the user"
	switch {
	case i.Way == "":
		return "an anonymous client, without credentials"
	case i.Name != "" && i.Key != "":
		text += secret.Sprintf(" %q (%s)", i.Name, i.Key)
	case i.Name != "":
		text += secret.Sprintf(" %q", i.Name)
	case i.Key != "":
		text += " " + i.Key
	default:
		text = i.Way
	}
	if i.Account != "" {
		text += " of the account " + i.Account
	}
	if i.Source != "" {
		text += ", from " + i.Source
	}
	return text
}

// IdentityError adds the user that the client connects as to an error. Its text is the text of the error.
type IdentityError struct {
	Identity Identity
	Err      error
}

func (e *IdentityError) Error() string { return e.Err.Error() }

func (e *IdentityError) Unwrap() error { return e.Err }

// Identify adds the user that the client connects as to an error.
func (c *Client) Identify(err error) error { return &IdentityError{Identity: c.Identity(), Err: err} }

// Identity returns the user that the client connects as. It makes no request.
func (c *Client) Identity() Identity {
	if c.settings.minted != nil {
		return Identity{Way: "a temporary user", Account: c.settings.account}
	}
	r, err := c.resolve()
	if err != nil {
		return Identity{}
	}
	return r.identity()
}

func (r *resolved) identity() Identity {
	o, i := r.options, Identity{Source: r.authSource}
	switch {
	case o.UserJWT != nil:
		i.Way = "credentials"
		token, err := o.UserJWT()
		if err != nil {
			return i
		}
		claims, err := jwt.DecodeUserClaims(token)
		if err != nil {
			return i
		}
		i.Name, i.Key, i.Account = claims.Name, claims.Subject, claims.Issuer
		if claims.IssuerAccount != "" {
			i.Account = claims.IssuerAccount
		}
		if claims.Expires != 0 {
			i.Expires = time.Unix(claims.Expires, 0).UTC()
		}
	case o.Nkey != "":
		i.Way, i.Key = "an nkey", o.Nkey
	case o.User != "" || o.Password != "":
		i.Way, i.Name = "a user and password", o.User
	case o.Token != "":
		i.Way = "a token"
	case r.auth:
		i.Way = "credentials"
	default:
		i.Source = ""
	}
	return i
}

// source returns the name of the setting that holds the credentials, given the names by way to authenticate.
func (a Auth) source(names map[string]string) string {
	if methods := a.methods(); len(methods) == 1 {
		return names[methods[0]]
	}
	return ""
}

// attributeNames maps the ways to authenticate to attributes of the provider, and environmentNames to environment
// variables.
var (
	attributeNames = map[string]string{
		"credentials": "credentials", "credentials file": "credentials_file", "user and password": "user", "token": "token",
		"nkey seed": "nkey_seed",
	}
	environmentNames = map[string]string{
		"credentials file": EnvCreds, "user and password": EnvUser, "token": EnvToken, "nkey file": EnvNKey,
	}
)

// inEnvironment is the suffix after the name of an environment variable.
const inEnvironment = " in the environment"

// variable adds inEnvironment to the name of an environment variable.
func variable(name string) string {
	if name == "" {
		return ""
	}
	return name + inEnvironment
}
