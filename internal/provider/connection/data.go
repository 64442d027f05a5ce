// Package connection provides the data that a configured provider passes to its resources: clients of the NATS system,
// and explanations of their errors for users.
package connection

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

// Data is the provider data that resources receive.
type Data struct {
	client *natsconn.Client
	// unknown lists the attributes with unknown values.
	unknown  []string
	operator *Operator
	accounts *accounts
	// TolerateUnreachable keeps the prior state of a resource whose servers cannot be reached.
	TolerateUnreachable bool

	connecting sync.Mutex

	takingOver sync.Mutex
	takenOver  map[string]bool

	noting sync.Mutex
	// noted holds the noted accounts by public key. unanswered is the time of the last optional request without a
	// response.
	noted      map[string]claims.Account
	unanswered time.Time

	checkingKey sync.Mutex
	keyChecked  keyCheck

	names plannedNames

	own ownAccount

	losing sync.Mutex
	// lost holds the signing keys that the next apply adds to accounts again, by public key of the account.
	lost map[string][]string
}

// NewData returns the data for a client. If attributes of the provider's configuration are unknown, every use of the
// client returns an error that names them.
func NewData(client *natsconn.Client, unknown []string, tolerateUnreachable bool) *Data {
	return &Data{client: client, unknown: unknown, TolerateUnreachable: tolerateUnreachable}
}

// TakeOver notes that a new resource manages an object that already existed, for example an account, given by its
// public key.
func (d *Data) TakeOver(object string) {
	d.takingOver.Lock()
	defer d.takingOver.Unlock()
	if d.takenOver == nil {
		d.takenOver = map[string]bool{}
	}
	d.takenOver[object] = true
}

// TakenOver reports whether [Data.TakeOver] was called for the object. If so, the destruction of the resource that
// managed the object before must not delete it. This happens in a create_before_destroy replacement.
func (d *Data) TakenOver(object string) bool {
	d.takingOver.Lock()
	defer d.takingOver.Unlock()
	return d.takenOver[object]
}

// UnknownError means that attributes of the provider's configuration are not known yet.
type UnknownError struct{ Attributes []string }

func (e *UnknownError) Error() string {
	return fmt.Sprintf("the provider's configuration is not known yet: %s depends on values that are known only after "+
		"an apply",
		strings.Join(e.Attributes, ", "))
}

// Client returns the client of the NATS system, or an [*UnknownError].
func (d *Data) Client() (*natsconn.Client, error) {
	if len(d.unknown) > 0 {
		return nil, &UnknownError{Attributes: d.unknown}
	}
	return d.client, nil
}

// Close closes all connections. They are opened again on the next use.
func (d *Data) Close() {
	d.connecting.Lock()
	defer d.connecting.Unlock()
	d.client.Close()
	if d.operator != nil && d.operator.system != nil {
		d.operator.system.Close()
	}
	if d.accounts != nil && d.accounts.connections != nil {
		d.accounts.connections.Close()
	}
}

// Domain returns the JetStream domain of the provider's configuration, empty if it is not set. It returns the errors of
// [Data.Client], and errors of reading the configuration, for example if a NATS context does not exist.
func (d *Data) Domain() (string, error) {
	if d == nil {
		return "", &UnknownError{Attributes: []string{"provider"}}
	}
	client, err := d.Client()
	if err != nil {
		return "", err
	}
	return client.Domain()
}

// JetStream returns the JetStream API of a domain inside an account. An empty domain is the domain of the connected
// server, and an empty account is the account of the provider's own user. It returns the errors of [Data.ClientOf].
func (d *Data) JetStream(account, domain string) (*natsconn.JetStream, error) {
	client, err := d.ClientOf(account)
	if err != nil {
		return nil, err
	}
	return client.JetStream(domain), nil
}

// KeepPrior reports whether a refresh keeps the prior state of a resource that it could not read: its servers are
// unreachable and the configuration tolerates that, or the next apply adds the provider's key to its account. If so, it
// adds a warning. What and name describe the resource, for example "the account" "edge".
func (d *Data) KeepPrior(what, name string, err error, diags *diag.Diagnostics) bool {
	return d != nil && (d.keepUnreachable(what, name, err, diags) || d.keepLost(what, name, err, diags) ||
		d.keepRotating(what, name, err, diags))
}

// PassOver reports whether a data source returns null because its servers are unreachable and the configuration
// tolerates that. If so, it adds a warning. What and name describe the object to read, for example "the mirror" "edge".
func (d *Data) PassOver(what, name string, err error, diags *diag.Diagnostics) bool {
	if d == nil || !d.TolerateUnreachable || !natsconn.IsUnreachable(err) {
		return false
	}
	diags.AddWarning("NATS Is Unreachable",
		secret.Sprintf("The data source could not read %s %s and returns null, because unreachable "+
			"is \"warn\" in the provider's configuration.\n\n%s", what, name, Sentence(err.Error())))
	return true
}

func (d *Data) keepUnreachable(what, name string, err error, diags *diag.Diagnostics) bool {
	if !d.TolerateUnreachable || !natsconn.IsUnreachable(err) {
		return false
	}
	diags.AddWarning("NATS Is Unreachable",
		secret.Sprintf("The prior state of %s %q is kept, because unreachable is \"warn\" in the "+
			"provider's configuration.\n\n%s", what, name, Sentence(err.Error())))
	return true
}

// FromProvider returns the provider data that the framework passes to Configure of a resource. It returns nil without
// an error if the provider is not configured, for example during validation.
func FromProvider(providerData any, diags *diag.Diagnostics) *Data {
	if providerData == nil {
		return nil
	}
	data, ok := providerData.(*Data)
	if !ok {
		diags.AddError("Unexpected Provider Data",
			fmt.Sprintf("Expected *connection.Data, got: %T. This is a bug in the provider. Please report it to the developers.",
				providerData))
		return nil
	}
	return data
}
