package workspace

import "testing"

func TestCLIConfig(t *testing.T) {
	want := `provider_installation {
  dev_overrides {
    "registry.terraform.io/nats-k3s/nats" = "/a b/\"q\"/$${x}"
    "registry.opentofu.org/nats-k3s/nats" = "/a b/\"q\"/$${x}"
  }
  direct {}
}
`
	if got := settings(`/a b/"q"/${x}`); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
