package mirror

import (
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// The exports also work between the regions of a super-cluster, which is one JetStream domain.
func TestSharedMirrorAcrossRegions(t *testing.T) {
	t.Parallel()
	operator := newShareOperator(t)
	source := operator.source(t, "source", "kine")
	importer := operator.importer(t, "importer", whole, source)
	lab := natslab.SuperCluster(t, 1, []string{"east", "west"}, natslab.OperatorMode(operator.Operator),
		natslab.Domain("hub"))
	from := shareUser(t, lab.Region("east")[0].ClientURL(), source)
	to := shareUser(t, lab.Region("west")[0].ClientURL(), importer)
	shareBucket(t, from, "kine", func(c *jetstream.StreamConfig) { c.Placement = &jetstream.Placement{Cluster: "east"} })
	fill(t, from)
	for _, name := range []string{"kine", "copy"} {
		sharedMirror(t, to, name, importer.PublicKey(), source.PublicKey(), &jetstream.Placement{Cluster: "west"})
		follows(t, from, to, name)
	}
	fill(t, from)
	for _, name := range []string{"kine", "copy"} {
		follows(t, from, to, name)
	}
}

// configuredShare returns two accounts of a server configuration. The second can mirror a bucket of the first under the
// same subjects, with the names of the accounts instead of public keys.
func configuredShare() (hub, edge natslab.Account) {
	hub = natslab.Account{Name: "hub", Users: []natslab.User{{Name: "hub", Password: "hub"}}}
	edge = natslab.Account{Name: "edge", Users: []natslab.User{{Name: "edge", Password: "edge"}}}
	for _, e := range Exports(sharedBucket) {
		source := &natslab.ImportSource{Account: hub.Name, Subject: e.Subject}
		if e.Type == claims.Stream {
			source.Subject = DeliverPrefix(sharedBucket, edge.Name, hub.Name) + ".>"
			hub.Exports = append(hub.Exports, natslab.Export{Stream: e.Subject, Accounts: []string{edge.Name}})
			edge.Imports = append(edge.Imports, natslab.Import{Stream: source})
			continue
		}
		hub.Exports = append(hub.Exports, natslab.Export{Service: e.Subject, Accounts: []string{edge.Name}})
		to := ""
		if call, ok := strings.CutPrefix(e.Subject, apiSubject); ok {
			to = APIPrefix(hub.Name) + call
		}
		edge.Imports = append(edge.Imports, natslab.Import{Service: source, To: to})
	}
	return hub, edge
}

func TestSharedMirrorOfConfiguredAccounts(t *testing.T) {
	t.Parallel()
	hub, edge := configuredShare()
	lab := natslab.Single(t, natslab.Accounts(hub, edge))
	from, to := shareClient(t, lab.ClientURL(), nats.UserInfo("hub", "hub")), shareClient(t, lab.ClientURL(),
		nats.UserInfo("edge", "edge"))
	shareBucket(t, from, "kine", nil)
	fill(t, from)
	for _, name := range []string{"kine", "copy"} {
		sharedMirror(t, to, name, edge.Name, hub.Name, nil)
		follows(t, from, to, name)
	}
}

// The mirror may also be in the JetStream domain of a leaf node that the importing account is bound to.
func TestSharedMirrorOnLeafNode(t *testing.T) {
	t.Parallel()
	hub, edge := configuredShare()
	lab := natslab.Single(t, natslab.Accounts(hub, edge), natslab.Domain("hub"), natslab.LeafNodes(), natslab.Name("hub"))
	leaf := natslab.Single(t, natslab.Domain("leaf"), natslab.Name("leaf"), natslab.LeafRemotes(natslab.LeafRemote{
		URLs: []string{strings.Replace(lab.LeafNodeURL(), "://", "://edge:edge@", 1)},
	}))
	from, to := shareClient(t, lab.ClientURL(), nats.UserInfo("hub", "hub")), shareClient(t, leaf.ClientURL())
	shareBucket(t, from, "kine", nil)
	fill(t, from)
	for _, name := range []string{"kine", "copy"} {
		sharedMirror(t, to, name, edge.Name, hub.Name, nil)
		follows(t, from, to, name)
	}
}
