package account

import (
	"reflect"
	"slices"
)

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

// SystemAccount returns the system account of an operator, over which servers talk to each other and are asked. It exports what
// the NATS CLI and dashboards ask of the own account, as nsc makes it (nsc, cmd/addoperator.go). It has no JetStream: nats-server
// refuses a system account that does.
func SystemAccount(publicKey, name string, signingKeys []string) *Account {
	const docs = "https://docs.nats.io/nats-server/configuration/sys_accounts"
	a := &Account{
		Claims: Claims{PublicKey: publicKey, Name: name},
		Exports: []Export{
			{
				Name: "account-monitoring-streams", Subject: "$SYS.ACCOUNT.*.>", Type: Stream, AccountTokenPosition: 3,
				Description: "Account specific monitoring stream", InfoURL: docs,
			},
			{
				Name: "account-monitoring-services", Subject: "$SYS.REQ.ACCOUNT.*.*", Type: Service, ResponseType: "Stream", AccountTokenPosition: 4,
				Description: "Request account specific monitoring services for: SUBSZ, CONNZ, LEAFZ, JSZ and INFO", InfoURL: docs,
			},
		},
	}
	for _, key := range sorted(signingKeys) {
		a.SigningKeys = append(a.SigningKeys, SigningKey{PublicKey: key})
	}
	return a
}
