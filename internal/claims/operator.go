package claims

import (
	"reflect"
	"slices"

	"github.com/nats-io/jwt/v2"
)

// Operator is the claims of an operator.
type Operator struct {
	Claims
	// SigningKeys are the public keys (O...) that sign accounts beside the identity.
	SigningKeys []string
	// AccountServerURL is that of an account server, for tools.
	AccountServerURL string
	// ServiceURLs are those of the NATS servers, for tools.
	ServiceURLs []string
	// SystemAccount is the public key of the system account.
	SystemAccount string
	// AssertServerVersion is the oldest nats-server that may trust the operator, such as "2.12.0".
	AssertServerVersion string
	// StrictSigningKeyUsage refuses what the identity itself has signed.
	StrictSigningKeyUsage bool
}

// claims returns the operator as jwt/v2 has it.
func (o *Operator) claims() *jwt.OperatorClaims {
	return &jwt.OperatorClaims{
		ClaimsData: o.data(),
		Operator: jwt.Operator{
			SigningKeys: sorted(o.SigningKeys), AccountServerURL: o.AccountServerURL, OperatorServiceURLs: list(o.ServiceURLs),
			SystemAccount: o.SystemAccount, AssertServerVersion: o.AssertServerVersion, StrictSigningKeyUsage: o.StrictSigningKeyUsage,
			GenericFields: jwt.GenericFields{Tags: list(o.Tags)},
		},
	}
}

// operatorFrom is the reverse of claims.
func operatorFrom(c *jwt.OperatorClaims) *Operator {
	return &Operator{
		Claims:      claimsFrom(&c.ClaimsData, c.Tags),
		SigningKeys: sorted(c.SigningKeys), AccountServerURL: c.AccountServerURL, ServiceURLs: list(c.OperatorServiceURLs),
		SystemAccount: c.SystemAccount, AssertServerVersion: c.AssertServerVersion, StrictSigningKeyUsage: c.StrictSigningKeyUsage,
	}
}

// Equal tells whether two operators say the same. The order of signing keys and tags is of no account.
func (o *Operator) Equal(other *Operator) bool {
	return reflect.DeepEqual(o.inOrder().claims(), other.inOrder().claims())
}

func (o *Operator) inOrder() *Operator {
	c := *o
	c.Tags = sorted(o.Tags)
	return &c
}

// Trusts tells whether servers of this operator take accounts that the key has signed. An operator with strict use of signing keys
// does not trust its own identity there.
func (o *Operator) Trusts(issuer string) bool {
	return slices.Contains(o.SigningKeys, issuer) || issuer == o.PublicKey && !o.StrictSigningKeyUsage
}
