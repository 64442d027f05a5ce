package claims

import (
	"reflect"
	"slices"

	"github.com/nats-io/jwt/v2"
)

// Operator holds the claims of an operator.
type Operator struct {
	Claims
	// SigningKeys are the public keys (O...) that sign accounts in addition to the identity.
	SigningKeys []string
	// AccountServerURL is the URL of an account server, for tools.
	AccountServerURL string
	// ServiceURLs are the URLs of the NATS servers, for tools.
	ServiceURLs []string
	// SystemAccount is the public key of the system account.
	SystemAccount string
	// AssertServerVersion is the minimum version of nats-server that may trust the operator, such as "2.12.0".
	AssertServerVersion string
	// StrictSigningKeyUsage makes servers reject JWTs that the identity signed.
	StrictSigningKeyUsage bool
}

// claims returns the operator in the form of jwt/v2.
func (o *Operator) claims() *jwt.OperatorClaims {
	return &jwt.OperatorClaims{
		ClaimsData: o.data(),
		Operator: jwt.Operator{
			SigningKeys: sorted(o.SigningKeys), AccountServerURL: o.AccountServerURL, OperatorServiceURLs: list(o.ServiceURLs),
			SystemAccount: o.SystemAccount, AssertServerVersion: o.AssertServerVersion,
			StrictSigningKeyUsage: o.StrictSigningKeyUsage,
			GenericFields:         jwt.GenericFields{Tags: list(o.Tags)},
		},
	}
}

// operatorFrom is the reverse of claims.
func operatorFrom(c *jwt.OperatorClaims) *Operator {
	return &Operator{
		Claims:      claimsFrom(&c.ClaimsData, c.Tags),
		SigningKeys: sorted(c.SigningKeys), AccountServerURL: c.AccountServerURL, ServiceURLs: list(c.OperatorServiceURLs),
		SystemAccount: c.SystemAccount, AssertServerVersion: c.AssertServerVersion,
		StrictSigningKeyUsage: c.StrictSigningKeyUsage,
	}
}

// Equal reports whether two operators are equal, regardless of the order of signing keys and tags.
func (o *Operator) Equal(other *Operator) bool {
	return reflect.DeepEqual(o.inOrder().claims(), other.inOrder().claims())
}

func (o *Operator) inOrder() *Operator {
	c := *o
	c.Tags = sorted(o.Tags)
	return &c
}

// Trusts reports whether servers of this operator accept accounts that the key signed. With StrictSigningKeyUsage, they
// reject those that the identity signed.
func (o *Operator) Trusts(issuer string) bool {
	return slices.Contains(o.SigningKeys, issuer) || issuer == o.PublicKey && !o.StrictSigningKeyUsage
}
