package main

import (
	"fmt"

	"github.com/nats-k3s/terraform-provider-nats/internal/natslab"
)

// group is a table of the report. It compares its subjects.
type group struct {
	title    string
	subjects []*subject
}

// subject is a number of resources of one type on one provider.
type subject struct {
	label string
	// provider is the path of its binary. It is empty for resources that are built into the CLI.
	provider string
	// env holds additional environment variables.
	env []string
	// config is the configuration.
	config string
	// proxy is in front of its server. It is nil for a subject without a server.
	proxy *natslab.Proxy
	// reference is true if the other subjects of its group are compared with it.
	reference bool
	runs      map[operation][]cost
}

// quiet turns off the logs of a framework provider, which the CLI reads but does not show.
var quiet = []string{"TF_LOG_SDK=off", "TF_LOG_SDK_PROTO=off", "TF_LOG_SDK_FRAMEWORK=off", "TF_LOG_PROVIDER_NATS=off"}

// required declares the address of the provider.
const required = "terraform {\n  required_providers {\n    nats = {\n      source = \"nats-k3s/nats\"\n    }\n  }\n" +
	"}\n\n"

func builtIn(n int) *subject {
	return &subject{
		label: "`terraform_data`",
		config: fmt.Sprintf("resource \"terraform_data\" \"bench\" {\n  count = %d\n  input = \"bench-${count.index}\"\n}\n",
			n),
	}
}

func (b *bench) nothing(n int) *subject {
	return &subject{
		label: "does nothing", provider: b.idle, reference: true,
		config: required +
			fmt.Sprintf("resource \"nats_nothing\" \"bench\" {\n  count = %d\n  name  = \"bench-${count.index}\"\n}\n", n),
	}
}

func (b *bench) nothingQuietly(n int) *subject {
	s := b.nothing(n)
	s.label, s.env, s.reference = "does nothing, logs off", quiet, false
	return s
}

// bucketsOf and accountsOf return the resource on each build of the provider.
func (b *bench) bucketsOf(n int, proxy *natslab.Proxy) []*subject {
	return b.builds("`nats_kine_bucket`", proxy, configured(proxy, b.lab.buckets.block)+fmt.Sprintf(
		"resource \"nats_kine_bucket\" \"bench\" {\n  count               = %d\n"+
			"  name                = \"bench-${count.index}\"\n"+
			"  deletion_protection = false\n}\n", n))
}

func (b *bench) accountsOf(n int, proxy *natslab.Proxy) []*subject {
	return b.builds("`nats_account`", proxy, configured(proxy, b.lab.accounts.block)+fmt.Sprintf(
		"resource \"nats_account\" \"bench\" {\n  count               = %d\n"+
			"  name                = \"bench-${count.index}\"\n"+
			"  jetstream           = { disk_storage = \"1GiB\" }\n  deletion_protection = false\n}\n", n))
}

func (b *bench) builds(label string, proxy *natslab.Proxy, config string) []*subject {
	subjects := []*subject{{label: label, provider: b.provider, proxy: proxy, config: config}}
	if b.before != "" {
		subjects = append([]*subject{{label: label + " before", provider: b.before, proxy: proxy, config: config}},
			subjects...)
	}
	return subjects
}

// configured returns the provider block.
func configured(proxy *natslab.Proxy, block string) string {
	return required + fmt.Sprintf("provider \"nats\" {\n  servers = [%q]\n%s}\n\n", proxy.ClientURL(), block)
}

// groups returns the tables of the report.
func (b *bench) groups() []group {
	few := []*subject{builtIn(b.accounts), b.nothing(b.accounts)}
	far := []*subject{builtIn(b.far), b.nothing(b.far)}
	if b.far == b.accounts {
		far = few // they have no server, so the latency does not matter
	}
	return []group{
		{
			title: fmt.Sprintf("%d buckets on loopback", b.buckets),
			subjects: append([]*subject{builtIn(b.buckets), b.nothing(b.buckets), b.nothingQuietly(b.buckets)},
				b.bucketsOf(b.buckets, b.lab.buckets.near)...),
		},
		{
			title:    fmt.Sprintf("%d accounts on loopback", b.accounts),
			subjects: with(few, b.accountsOf(b.accounts, b.lab.accounts.near)),
		},
		{
			title:    fmt.Sprintf("%d buckets at a round trip of %s", b.far, b.latency),
			subjects: with(far, b.bucketsOf(b.far, b.lab.buckets.far)),
		},
		{
			title:    fmt.Sprintf("%d accounts at a round trip of %s", b.accounts, b.latency),
			subjects: with(few, b.accountsOf(b.accounts, b.lab.accounts.far)),
		},
	}
}

func with(first, more []*subject) []*subject { return append(append([]*subject{}, first...), more...) }
