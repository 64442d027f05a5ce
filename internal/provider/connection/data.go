// Package connection is what a configured provider hands to its resources: a client of the NATS system, and the words in
// which failures of it are told to users.
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

// Data is what the provider's configuration comes to.
type Data struct {
	client *natsconn.Client
	// unknown lists the attributes whose values are not known yet.
	unknown  []string
	operator *Operator
	accounts *accounts
	// TolerateUnreachable keeps the prior state of a resource whose servers cannot be reached.
	TolerateUnreachable bool

	connecting sync.Mutex

	takingOver sync.Mutex
	takenOver  map[string]bool

	noting sync.Mutex
	// noted has what is known of accounts by their public keys. unanswered is when servers last had no answer to an
	// optional question.
	noted      map[string]claims.Account
	unanswered time.Time

	checkingKey sync.Mutex
	keyChecked  keyCheck

	names plannedNames

	own ownAccount

	losing sync.Mutex
	// lost has the signing keys that accounts are to get back, by public key of the account.
	lost map[string][]string
}

// NewData returns the data for a client. If attributes of the provider's configuration are unknown, any use of the client
// is an error that names them.
func NewData(client *natsconn.Client, unknown []string, tolerateUnreachable bool) *Data {
	return &Data{client: client, unknown: unknown, TolerateUnreachable: tolerateUnreachable}
}

// TakeOver notes that a new resource stands for an object that was there already, such as an account by its public key.
func (d *Data) TakeOver(object string) {
	d.takingOver.Lock()
	defer d.takingOver.Unlock()
	if d.takenOver == nil {
		d.takenOver = map[string]bool{}
	}
	d.takenOver[object] = true
}

// TakenOver tells whether a new resource stands for the object since this configuration of the provider is in use: who destroys the resource
// that stood for it before must leave it. A replacement that creates before it destroys comes to that.
func (d *Data) TakenOver(object string) bool {
	d.takingOver.Lock()
	defer d.takingOver.Unlock()
	return d.takenOver[object]
}

// UnknownError says that the provider's configuration is not known yet.
type UnknownError struct{ Attributes []string }

func (e *UnknownError) Error() string {
	return fmt.Sprintf("the provider's configuration is not known yet: %s depends on values that only an apply settles",
		strings.Join(e.Attributes, ", "))
}

// Client returns the client of the NATS system. The error is an [*UnknownError].
func (d *Data) Client() (*natsconn.Client, error) {
	if len(d.unknown) > 0 {
		return nil, &UnknownError{Attributes: d.unknown}
	}
	return d.client, nil
}

// Close closes all connections. What needs one afterwards opens it again.
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

// Domain returns the JetStream domain of the provider's configuration, empty if it has none. Errors are those of [Data.Client] and of
// finding the configuration out, such as a NATS context that is not there.
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

// JetStream returns the JetStream API of a domain inside an account: both empty, that of the connected server and of the provider's own
// user. Errors are those of [Data.ClientOf].
func (d *Data) JetStream(account, domain string) (*natsconn.JetStream, error) {
	client, err := d.ClientOf(account)
	if err != nil {
		return nil, err
	}
	return client.JetStream(domain), nil
}

// KeepPrior tells whether a refresh keeps what is known of a resource that it could not read: its servers cannot be reached, which is to
// be tolerated, or its account is one that the next apply gives the provider's key, again or for the first time. Then it adds a warning that
// says so; what and name are the resource's, as in "the account" "edge".
func (d *Data) KeepPrior(what, name string, err error, diags *diag.Diagnostics) bool {
	return d != nil && (d.keepUnreachable(what, name, err, diags) || d.keepLost(what, name, err, diags) || d.keepRotating(what, name, err, diags))
}

// PassOver reports whether a data source returns nothing of what it should read: its servers cannot be reached, which is to be tolerated. Then it adds
// a warning that says so; what and name are those of what it reads, as in "the mirror" "edge".
func (d *Data) PassOver(what, name string, err error, diags *diag.Diagnostics) bool {
	if d == nil || !d.TolerateUnreachable || !natsconn.IsUnreachable(err) {
		return false
	}
	diags.AddWarning("NATS Is Unreachable", secret.Sprintf("Nothing could be found out about %s %s, and what the data source would tell is null, because unreachable is "+
		"\"warn\" in the provider's configuration.\n\n%s", what, name, Sentence(err.Error())))
	return true
}

func (d *Data) keepUnreachable(what, name string, err error, diags *diag.Diagnostics) bool {
	if !d.TolerateUnreachable || !natsconn.IsUnreachable(err) {
		return false
	}
	diags.AddWarning("NATS Is Unreachable", secret.Sprintf("What is known of %s %q is kept as it was, because unreachable is \"warn\" in the provider's "+
		"configuration.\n\n%s", what, name, Sentence(err.Error())))
	return true
}

// FromProvider reads the provider data that the framework passes to a resource's Configure. It is nil without an error
// while the provider is not configured, as during validation.
func FromProvider(providerData any, diags *diag.Diagnostics) *Data {
	if providerData == nil {
		return nil
	}
	data, ok := providerData.(*Data)
	if !ok {
		diags.AddError("Unexpected Provider Data",
			fmt.Sprintf("The provider handed over %T where *connection.Data is expected. This is a bug in the provider: "+
				"please report it.", providerData))
		return nil
	}
	return data
}
