package connection

import (
	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
	"github.com/nats-k3s/terraform-provider-nats/internal/resolver"
)

// Known reports whether all attributes of the provider that accounts need are known.
func (d *Data) Known() bool {
	return len(d.unknown) == 0 &&
		(d.operator == nil || len(d.operator.config.UnknownSigningKey)+len(d.operator.config.UnknownSystem) == 0)
}

// OperatorSigner returns the signer of accounts. The caller closes it. It returns the errors of [Data.Operator] and
// [Operator.SigningKey].
func (d *Data) OperatorSigner() (*claims.Signer, error) {
	operator, err := d.Operator()
	if err != nil {
		return nil, err
	}
	seed, err := operator.SigningKey()
	if err != nil {
		return nil, err
	}
	return claims.NewOperatorSigner(seed)
}

// Resolver returns the resolver of the servers. All callers share it. It returns the errors of [Data.Operator] and
// [Operator.System].
func (d *Data) Resolver() (*resolver.Resolver, error) {
	operator, err := d.Operator()
	if err != nil {
		return nil, err
	}
	system, err := operator.System()
	if err != nil {
		return nil, err
	}
	operator.resolving.Lock()
	defer operator.resolving.Unlock()
	if operator.resolver == nil {
		operator.resolver = resolver.New(system, claims.SystemClock{})
	}
	return operator.resolver, nil
}
