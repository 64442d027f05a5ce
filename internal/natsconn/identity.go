package natsconn

import (
	"time"

	"github.com/nats-io/jwt/v2"

	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

// Identity is whom a client connects as, as far as that can be seen without a server.
type Identity struct {
	// Way is what the user proves itself with, such as "a token", empty if nothing was given.
	Way string
	// Name is the user's, Key its public key. Either can be empty.
	Name, Key string
	// Account is the public key of the account in the user's JWT, empty without a JWT.
	Account string
	// Expires is when the JWT expires, zero if it does not or there is none.
	Expires time.Time
	// Source is where the credentials come from: an attribute, a variable of the environment, or a NATS context.
	Source string
}

// IsExpired reports whether the user's JWT has expired.
func (i Identity) IsExpired() bool { return !i.Expires.IsZero() && !i.Expires.After(time.Now()) }

// String describes the user, and contains no secret.
func (i Identity) String() string {
	text := "the user"
	switch {
	case i.Way == "":
		return "nobody, since no credentials were given"
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

// IdentityError is an error that may come from whose credentials are used. It reads like the error that it holds.
type IdentityError struct {
	Identity Identity
	Err      error
}

func (e *IdentityError) Error() string { return e.Err.Error() }

func (e *IdentityError) Unwrap() error { return e.Err }

// Identify adds to an error whom the client connects as.
func (c *Client) Identify(err error) error { return &IdentityError{Identity: c.Identity(), Err: err} }

// Identity returns whom the client connects as. It makes no request.
func (c *Client) Identity() Identity {
	if c.settings.minted != nil {
		return Identity{Way: "a user that the provider has signed itself,", Account: c.settings.account}
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

// source names where the way to authenticate of settings comes from, by the names that each way has there.
func (a Auth) source(names map[string]string) string {
	if methods := a.methods(); len(methods) == 1 {
		return names[methods[0]]
	}
	return ""
}

// attributeNames are the attributes of the provider's configuration by the way to authenticate, and environmentNames the variables.
var (
	attributeNames = map[string]string{
		"credentials": "credentials", "credentials file": "credentials_file", "user and password": "user", "token": "token", "nkey seed": "nkey_seed",
	}
	environmentNames = map[string]string{
		"credentials file": EnvCreds, "user and password": EnvUser, "token": EnvToken, "nkey file": EnvNKey,
	}
)

// inEnvironment follows the name of a variable.
const inEnvironment = " in the environment"

// variable says of a source that it is a variable of the environment.
func variable(name string) string {
	if name == "" {
		return ""
	}
	return name + inEnvironment
}
