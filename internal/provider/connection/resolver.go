package connection

import (
	"github.com/nats-k3s/terraform-provider-nats/internal/account"
)

// Known tells whether all of the provider's configuration that accounts need is known.
func (d *Data) Known() bool {
	return len(d.unknown) == 0 &&
		(d.operator == nil || len(d.operator.config.UnknownSigningKey)+len(d.operator.config.UnknownSystem) == 0)
}

// OperatorSigner returns what signs accounts. The caller closes it. Errors are those of [Data.Operator] and
// [Operator.SigningKey].
func (d *Data) OperatorSigner() (*account.Signer, error) {
	operator, err := d.Operator()
	if err != nil {
		return nil, err
	}
	seed, err := operator.SigningKey()
	if err != nil {
		return nil, err
	}
	return account.NewOperatorSigner(seed)
}

// Resolver returns the accounts that the servers store. All callers share it. Errors are those of [Data.Operator] and
// [Operator.System].
func (d *Data) Resolver() (*account.Resolver, error) {
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
		operator.resolver = account.NewResolver(system, account.SystemClock{})
	}
	return operator.resolver, nil
}
