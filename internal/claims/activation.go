package claims

import (
	"reflect"

	"github.com/nats-io/jwt/v2"
)

// Activation is the claims of an activation token, which lets an account import a private export. Its PublicKey is the
// importing account.
type Activation struct {
	Claims
	// Subject and Type are those of what may be imported.
	Subject, Type string
	// IssuerAccount is the public key of the exporting account, where a signing key of it signs.
	IssuerAccount string
}

// claims returns the activation as jwt/v2 has it.
func (a *Activation) claims() *jwt.ActivationClaims {
	return &jwt.ActivationClaims{
		ClaimsData: a.data(),
		Activation: jwt.Activation{
			ImportSubject: jwt.Subject(a.Subject), ImportType: exportType(a.Type), IssuerAccount: a.IssuerAccount,
			GenericFields: jwt.GenericFields{Tags: list(a.Tags)},
		},
	}
}

// activationFrom is the reverse of claims.
func activationFrom(c *jwt.ActivationClaims) *Activation {
	return &Activation{
		Claims:  claimsFrom(&c.ClaimsData, c.Tags),
		Subject: string(c.ImportSubject), Type: exportTypeFrom(c.ImportType), IssuerAccount: c.IssuerAccount,
	}
}

// Equal tells whether two activations say the same. The order of tags is of no account. IssuerAccount has to be set in both, see
// [Signature.Issuer] for one that an identity signed.
func (a *Activation) Equal(other *Activation) bool {
	return reflect.DeepEqual(a.inOrder().claims(), other.inOrder().claims())
}

func (a *Activation) inOrder() *Activation {
	c := *a
	c.Tags = sorted(a.Tags)
	return &c
}
