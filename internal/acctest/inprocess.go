package acctest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6/tf6server"

	"github.com/nats-k3s/terraform-provider-nats/internal/workspace"
)

// Factory creates a provider.
type Factory = func() (tfprotov6.ProviderServer, error)

// NewInProcess creates a workspace as [NewWorkspace] does, with the provider in the test process as in [Run]. Each run
// of the CLI gets a new provider and attaches to it instead of starting the binary several times, which takes a third
// of the processor time. The provider has the environment of the test, not of the workspace. The configuration can have
// only one provider block, because all blocks would configure the same provider.
func NewInProcess(t *testing.T, config string) *Workspace {
	t.Helper()
	return NewInProcessWith(t, Factories, config)
}

// NewInProcessWith is [NewInProcess] with these providers: nats, and others by their name without an address.
func NewInProcessWith(t *testing.T, factories map[string]Factory, config string) *Workspace {
	t.Helper()
	w := &Workspace{cli: requireCLI(t), factories: factories}
	return w.Another(t, config)
}

// Run runs the CLI with these arguments, without color, and returns its standard output and error combined.
func (w *Workspace) Run(ctx context.Context, args ...string) (string, error) {
	attached, stop, err := w.attached()
	if err != nil {
		return "", err
	}
	defer stop()
	return attached.Run(ctx, args...)
}

// RunInterrupted is Run with an interrupt of the CLI, as from a terminal, when the channel is closed. It does not check
// how the run ends.
func (w *Workspace) RunInterrupted(t *testing.T, happened <-chan struct{}, args ...string) string {
	t.Helper()
	attached, stop, err := w.attached()
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	run := attached.Command(t.Context(), args...)
	var out bytes.Buffer
	run.Stdout, run.Stderr = &out, &out
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-happened:
	case <-time.After(time.Minute):
		t.Error("timeout while waiting for the event to interrupt")
	}
	if err := run.Process.Signal(os.Interrupt); err != nil {
		t.Error(err)
	}
	_ = run.Wait()
	return out.String()
}

// attached returns the workspace, or a copy with running in-process providers until stop is called.
func (w *Workspace) attached() (attached *workspace.Workspace, stop func(), err error) {
	if w.factories == nil {
		return w.Workspace, func() {}, nil
	}
	var stops []func()
	stop = func() {
		for _, s := range stops {
			s()
		}
	}
	running := map[string]attachment{} // by address
	for name, factory := range w.factories {
		address := "hashicorp/" + name
		if name == "nats" {
			address = "nats-k3s/nats"
		}
		served, stopIt, err := attachable(w.sink, address, factory)
		if err != nil {
			stop()
			return nil, nil, err
		}
		stops = append(stops, stopIt)
		for _, registry := range []string{"registry.opentofu.org/", "registry.terraform.io/"} {
			running[registry+address] = served
		}
	}
	text, err := json.Marshal(running)
	if err != nil {
		stop()
		return nil, nil, err
	}
	with := *w.Workspace
	with.Env = append(slices.Clone(with.Env), "TF_REATTACH_PROVIDERS="+string(text))
	return &with, stop, nil
}

// attachment describes a running provider to a CLI, in the form of TF_REATTACH_PROVIDERS.
type attachment struct {
	Protocol        string
	ProtocolVersion int
	Pid             int
	Test            bool
	Addr            struct{ Network, String string }
}

// attachable serves a provider until stop is called.
func attachable(t *testing.T, address string, factory Factory) (served attachment, stop func(), err error) {
	t.Helper()
	provider, err := factory()
	if err != nil {
		return attachment{}, nil, err
	}
	ctx, cancel := context.WithCancel(t.Context())
	config, closed, failed := make(chan *plugin.ReattachConfig), make(chan struct{}), make(chan error, 1)
	go func() {
		failed <- tf6server.Serve(address, func() tfprotov6.ProviderServer { return provider },
			tf6server.WithDebug(ctx, config, closed),
			tf6server.WithGoPluginLogger(hclog.NewNullLogger()), tf6server.WithLoggingSink(t))
	}()
	select {
	case c := <-config:
		served = attachment{Protocol: string(c.Protocol), ProtocolVersion: c.ProtocolVersion, Pid: c.Pid, Test: c.Test}
		served.Addr.Network, served.Addr.String = c.Addr.Network(), c.Addr.String()
		return served, func() { cancel(); <-closed }, nil
	case err := <-failed:
		cancel()
		return attachment{}, nil, fmt.Errorf("the provider is not served: %w", err)
	}
}
