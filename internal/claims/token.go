package claims

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/jwt/v2"
)

// Token is what any JWT of NATS says, be it of an operator, an account, a user, an activation or of an auth callout.
type Token struct {
	// Type is "operator", "account", "user", "activation", "authorization_request", "authorization_response", or
	// "generic" for claims of any other type.
	Type string
	// Name and Audience may be empty.
	Name, Audience string
	// Subject is the public key that the JWT is for, Issuer the one that signed it.
	Subject, Issuer string
	// IssuerAccount is the account, where a signing key of it signed.
	IssuerAccount string
	ID            string
	// IssuedAt, Expires and NotBefore are zero where the JWT does not say.
	IssuedAt, Expires, NotBefore time.Time
	Tags                         []string
	// Text is the JWT alone.
	Text string
	// Payload is the whole of it as JSON text, as it was signed.
	Payload string
}

// Undecorated returns the JWT out of the content of a .jwt or .creds file, and what is no such content as it is.
func Undecorated(text string) string {
	token, err := jwt.ParseDecoratedJWT([]byte(text))
	if err != nil {
		token = text
	}
	return strings.TrimSpace(token)
}

// decodeAny decodes the claims of any type. Those that the library has no type for are read by a function of their own: [jwt.Decode] takes
// their version for 1 and refuses the signature.
func decodeAny(token string) (jwt.Claims, error) {
	claims, err := jwt.Decode(token)
	if err == nil {
		return claims, nil
	}
	if generic, genericErr := jwt.DecodeGeneric(token); genericErr == nil && cmp.Or(generic.ClaimType(), jwt.GenericClaim) == jwt.GenericClaim {
		return generic, nil
	}
	return nil, err
}

// DecodeToken reads a JWT of any type, alone or between BEGIN and END lines as in a .jwt or .creds file, and verifies that its issuer
// signed it. Whether that issuer may, and whether the JWT has expired, is for the caller to judge. Of a seed that stands beside it
// nothing is read, and the error contains neither.
func DecodeToken(text string) (*Token, error) {
	token := Undecorated(text)
	chunks := strings.Split(token, ".")
	if len(chunks) != 3 {
		return nil, errors.New("a JWT consists of three parts with dots between them")
	}
	claims, err := decodeAny(token)
	if err != nil {
		return nil, fmt.Errorf("it is no JWT of NATS with a valid signature: %w", err)
	}
	payload, err := base64.RawURLEncoding.DecodeString(chunks[1])
	if err != nil {
		return nil, errors.New("its claims cannot be read")
	}
	// Both stand at the top in JWTs of version 1.
	type fields struct {
		Tags          []string `json:"tags"`
		IssuerAccount string   `json:"issuer_account"`
	}
	var written struct {
		fields
		NATS fields `json:"nats"`
	}
	// Claims of any other type may have the same names for something else.
	if _, other := errors.AsType[*json.UnmarshalTypeError](json.Unmarshal(payload, &written)); !other && !json.Valid(payload) {
		return nil, errors.New("its claims cannot be read")
	}
	if written.NATS.Tags == nil {
		written.NATS.Tags = written.Tags
	}
	if written.NATS.IssuerAccount == "" {
		written.NATS.IssuerAccount = written.IssuerAccount
	}
	data := claims.Claims()
	return &Token{
		Type: cmp.Or(string(claims.ClaimType()), string(jwt.GenericClaim)), Name: data.Name, Audience: data.Audience, Subject: data.Subject, Issuer: data.Issuer,
		IssuerAccount: written.NATS.IssuerAccount, ID: data.ID, IssuedAt: timeFrom(data.IssuedAt), Expires: timeFrom(data.Expires),
		NotBefore: timeFrom(data.NotBefore), Tags: written.NATS.Tags, Text: token,
		Payload: string(payload),
	}, nil
}
