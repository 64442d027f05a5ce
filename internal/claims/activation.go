package claims

import (
	"reflect"

	"github.com/nats-io/jwt/v2"
)

// Activation holds the claims of an activation token, which allows an account to import a private export. PublicKey is
// the importing account.
type Activation struct {
	Claims
	// Subject and Type describe the export that may be imported.
	Subject, Type string
	// IssuerAccount is the public key of the exporting account if one of its signing keys signs.
	IssuerAccount string
}

// claims returns the activation in the form of jwt/v2.
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

// Equal reports whether two activations are equal, regardless of the order of tags. IssuerAccount must be set in both:
// for a token that an identity signed, take it from [Signature.Issuer].
func (a *Activation) Equal(other *Activation) bool {
	return reflect.DeepEqual(a.inOrder().claims(), other.inOrder().claims())
}

func (a *Activation) inOrder() *Activation {
	c := *a
	c.Tags = sorted(a.Tags)
	return &c
}
