package mirror

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// Each configuration with which a mirror can never work is detected within seconds, with its cause, and leaves nothing
// behind.
func TestBroken(t *testing.T) {
	t.Parallel()
	// Detection takes five to seven seconds, and longer if many tests share a processor.
	const limit = 15 * time.Second
	cases := map[string]struct {
		spec     Spec
		messages int
		without  string
		// blind leaves reading the source to the mirror.
		blind bool
		cause Cause
		text  string
	}{
		"wrong api prefix": {
			spec:  specOf("kine", Source{Bucket: "kine", APIPrefix: "JS.orign.API", DeliverPrefix: deliverOfOrigin}),
			cause: CauseNoAnswer, text: `there is no answer at the API prefix "JS.orign.API" of the source`,
		},
		"wrong api prefix, blind": {
			spec: specOf("kine", Source{Bucket: "kine", APIPrefix: "JS.orign.API", DeliverPrefix: deliverOfOrigin}), blind: true,
			cause: CauseNoAnswer, text: `there is no answer at the API prefix "JS.orign.API" of the source`,
		},
		"wrong domain": {
			spec:  specOf("kine", kineIn("hubb")),
			cause: CauseNoAnswer, text: `there is no answer from the JetStream domain "hubb"`,
		},
		"no export of the filtered consumer": {
			spec: specOf("copy", shared), without: "create filtered",
			cause: CauseNoAnswer, text: "$JS.API.CONSUMER.CREATE.KV_kine.>",
		},
		"wrong deliver prefix": {
			spec:  specOf("kine", Source{Bucket: "kine", APIPrefix: apiOfOrigin, DeliverPrefix: "deliver.orign"}),
			cause: CauseNoDelivery, text: `does not import the stream of the deliver prefix "deliver.orign"`,
		},
		"no export for delivery, blind": {
			spec: specOf("kine", shared), without: "deliver", blind: true, messages: 1,
			cause: CauseNoDelivery, text: `does not import the stream of the deliver prefix "deliver.origin"`,
		},
		"source missing": {
			spec:  specOf("kine", shared),
			cause: CauseSourceMissing, text: `the bucket kine behind the API prefix "JS.origin.API" does not exist`,
			messages: -1,
		},
		"source missing, blind": {
			spec: specOf("kine", shared), blind: true,
			cause: CauseSourceMissing, text: "error code 10059",
			messages: -1,
		},
		"no flow control": {
			spec: specOf("kine", shared), without: "flow control", messages: 4000,
			cause: CauseFlowControl, text: "$JS.FC.KV_kine.>",
		},
		"no flow control, blind": {
			spec: specOf("copy", shared), without: "flow control", messages: 4000, blind: true,
			cause: CauseFlowControl, text: "$JS.FC.KV_kine.>",
		},
		"same account and domain": {
			spec:  specOf("copy", Source{Bucket: "kine"}),
			cause: CauseSameDomain, text: "Create the mirror in another domain or in another account",
		},
		"own api prefix": {
			spec:  specOf("copy", Source{Bucket: "kine", APIPrefix: "$JS.API"}),
			cause: CauseSameDomain, text: "in the same account and JetStream domain as the mirror",
		},
		"own domain": {
			spec:  specOf("copy", kineIn("edge")),
			cause: CauseSameDomain, text: "in the same account and JetStream domain as the mirror",
		},
		"own domain's api prefix": {
			spec:  specOf("copy", Source{Bucket: "kine", APIPrefix: "$JS.edge.API"}),
			cause: CauseSameDomain, text: "in the same account and JetStream domain as the mirror",
		},
	}
	tests := map[string]func(*testing.T){}
	for name, tt := range cases {
		tests[name] = func(t *testing.T) {
			s := natslab.Single(t, natslab.Domain("edge"), natslab.Accounts(accounts(tt.without)...))
			from, js := openAPI(t, s.URLs(), "origin"), openAPI(t, s.URLs(), "edge")
			if tt.messages >= 0 {
				makeBucket(t, from, s.Connect(t, asOrigin()), 3)
				write(t, s.Connect(t, asOrigin()), "kine", tt.messages, 4096)
			}
			var source *natsconn.JetStream
			if !tt.blind {
				source = from
			}
			watch := natslab.StartStopwatch()
			_, err := Establish(within(t, time.Minute), js, source, tt.spec, nil)
			broken, ok := errors.AsType[*BrokenError](err)
			if !ok {
				t.Fatalf("after %s: %v", watch, err)
			}
			t.Logf("after %s: %v", watch, err)
			if broken.Cause != tt.cause || !broken.Lasting() || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("the cause is %q", broken.Cause)
			}
			if watch.Waited() > limit {
				t.Errorf("it took %s, longer than %s", watch, limit)
			}
			mustNotExist(t, js, tt.spec.Name)
		}
	}
	atOnce(t, tests)
}
