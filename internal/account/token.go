package account

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"
)

// Token is what any JWT of NATS says, be it of an operator, an account, a user, an activation or of an auth callout.
type Token struct {
	// Type is "operator", "account", "user", "activation", "authorization_request" or "authorization_response".
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

// undecorated returns the JWT out of the content of a .jwt or .creds file, and what is no such content as it is.
func undecorated(text string) string {
	token, err := nkeys.ParseDecoratedJWT([]byte(text))
	if err != nil {
		token = text
	}
	return strings.TrimSpace(token)
}

// DecodeToken reads a JWT of any type, alone or between BEGIN and END lines as in a .jwt or .creds file, and verifies that its issuer
// signed it. Whether that issuer may, and whether the JWT has expired, is for the caller to judge. Of a seed that stands beside it
// nothing is read, and the error contains neither.
func DecodeToken(text string) (*Token, error) {
	token := undecorated(text)
	chunks := strings.Split(token, ".")
	if len(chunks) != 3 {
		return nil, errors.New("a JWT consists of three parts with dots between them")
	}
	claims, err := jwt.Decode(token)
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
	if err := json.Unmarshal(payload, &written); err != nil {
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
		Type: string(claims.ClaimType()), Name: data.Name, Audience: data.Audience, Subject: data.Subject, Issuer: data.Issuer,
		IssuerAccount: written.NATS.IssuerAccount, ID: data.ID, IssuedAt: timeFrom(data.IssuedAt), Expires: timeFrom(data.Expires),
		NotBefore: timeFrom(data.NotBefore), Tags: written.NATS.Tags, Text: token,
		Payload: string(payload),
	}, nil
}
