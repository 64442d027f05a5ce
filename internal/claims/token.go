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

// Token holds the common fields of any NATS JWT: of an operator, an account, a user, an activation or an auth callout.
type Token struct {
	// Type is "operator", "account", "user", "activation", "authorization_request", "authorization_response", or
	// "generic" for claims of any other type.
	Type string
	// Name and Audience may be empty.
	Name, Audience string
	// Subject is the public key that the JWT is for. Issuer is the public key that signed it.
	Subject, Issuer string
	// IssuerAccount is the account if one of its signing keys signed.
	IssuerAccount string
	ID            string
	// IssuedAt, Expires and NotBefore are zero if they are not set in the JWT.
	IssuedAt, Expires, NotBefore time.Time
	Tags                         []string
	// Text is the JWT without decoration.
	Text string
	// Payload is the complete payload as JSON, as it was signed.
	Payload string
}

// Undecorated returns the JWT in the content of a .jwt or .creds file, and any other text unchanged.
func Undecorated(text string) string {
	token, err := jwt.ParseDecoratedJWT([]byte(text))
	if err != nil {
		token = text
	}
	return strings.TrimSpace(token)
}

// decodeAny decodes claims of any type. Types that the library does not know need [jwt.DecodeGeneric]: [jwt.Decode]
// takes their version to be 1 and rejects the signature.
func decodeAny(token string) (jwt.Claims, error) {
	claims, err := jwt.Decode(token)
	if err == nil {
		return claims, nil
	}
	if generic, genericErr := jwt.DecodeGeneric(token); genericErr == nil &&
		cmp.Or(generic.ClaimType(), jwt.GenericClaim) == jwt.GenericClaim {
		return generic, nil
	}
	return nil, err
}

// DecodeToken reads a JWT of any type, alone or between BEGIN and END lines as in a .jwt or .creds file, and verifies
// that its issuer signed it. The caller decides whether the issuer is trusted and whether the JWT has expired. A seed
// in the same file is ignored. The error contains neither JWT nor seed.
func DecodeToken(text string) (*Token, error) {
	token := Undecorated(text)
	chunks := strings.Split(token, ".")
	if len(chunks) != 3 {
		return nil, errors.New("a JWT consists of three parts with dots between them")
	}
	claims, err := decodeAny(token)
	if err != nil {
		return nil, fmt.Errorf("it is not a NATS JWT with a valid signature: %w", err)
	}
	payload, err := base64.RawURLEncoding.DecodeString(chunks[1])
	if err != nil {
		return nil, errors.New("its claims cannot be read")
	}
	// JWTs of version 1 have both at the top level.
	type fields struct {
		Tags          []string `json:"tags"`
		IssuerAccount string   `json:"issuer_account"`
	}
	var written struct {
		fields
		NATS fields `json:"nats"`
	}
	// Other types may use the same names for other things.
	if _, other := errors.AsType[*json.UnmarshalTypeError](json.Unmarshal(payload, &written)); !other &&
		!json.Valid(payload) {
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
		Type: cmp.Or(string(claims.ClaimType()), string(jwt.GenericClaim)), Name: data.Name, Audience: data.Audience,
		Subject: data.Subject, Issuer: data.Issuer,
		IssuerAccount: written.NATS.IssuerAccount, ID: data.ID, IssuedAt: timeFrom(data.IssuedAt),
		Expires:   timeFrom(data.Expires),
		NotBefore: timeFrom(data.NotBefore), Tags: written.NATS.Tags, Text: token,
		Payload: string(payload),
	}, nil
}
