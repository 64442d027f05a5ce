package provider_test

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/nats-k3s/terraform-provider-nats/internal/provider"
)

// serves is the variable with which the test binary serves the provider as a release does.
const serves = "TEST_SERVES_PROVIDER"

func TestProcessOfProvider(t *testing.T) {
	if os.Getenv(serves) == "" {
		return // it is run by the tests below
	}
	if err := provider.Serve("test", false); err != nil {
		t.Fatal(err)
	}
}

// A provider whose logs are discarded writes none, and one whose logs may be read writes all of them.
func TestLogsAreOffUnlessAskedFor(t *testing.T) {
	t.Parallel()
	loggers := []string{"sdk", "sdk.proto", "sdk.framework"}
	for name, env := range map[string][]string{
		"TF_LOG=TRACE":                  {"TF_LOG=TRACE"},
		"TF_LOG=ERROR":                  {"TF_LOG=ERROR"}, // the CLI leaves out the rest
		"TF_LOG_PROVIDER=DEBUG":         {"TF_LOG_PROVIDER=DEBUG"},
		"TF_LOG_CORE and TF_LOG_PATH":   {"TF_LOG_CORE=TRACE", "TF_LOG_PATH=terraform.log"},
		"TF_LOG_PATH alone":             {"TF_LOG_PATH=terraform.log"},
		"nothing":                       nil,
		"an empty TF_LOG":               {"TF_LOG="},
		"another variable of Terraform": {"TF_IN_AUTOMATION=1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			written := logOfProcess(t, env)
			wanted := strings.Contains(strings.Join(env, " "), "TF_LOG") && env[0] != "TF_LOG="
			for _, logger := range loggers[1:] {
				if got := strings.Contains(written, `"@module":"`+logger+`"`); got != wanted {
					t.Errorf("lines of %s: %t, want %t, in:\n%.2000s", logger, got, wanted, written)
				}
			}
			if !wanted && regexp.MustCompile(`"@level":"trace"`).MatchString(written) {
				t.Errorf("the provider wrote:\n%.2000s", written)
			}
		})
	}
	t.Run("TF_LOG_SDK_FRAMEWORK=OFF", func(t *testing.T) {
		t.Parallel()
		written := logOfProcess(t, []string{"TF_LOG=TRACE", "TF_LOG_SDK_FRAMEWORK=OFF"})
		if strings.Contains(written, `"@module":"sdk.framework"`) || !strings.Contains(written, `"@module":"sdk.proto"`) {
			t.Errorf("the provider wrote:\n%.2000s", written)
		}
	})
}

// logOfProcess returns the standard error of a provider process while it answers one request.
func logOfProcess(t *testing.T, env []string) string {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var written lines
	cmd := exec.CommandContext(t.Context(), binary, "-test.run=^TestProcessOfProvider$")
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "TF_LOG") {
			cmd.Env = append(cmd.Env, variable)
		}
	}
	cmd.Env = append(append(cmd.Env, serves+"=1"), env...)
	client := plugin.NewClient(&plugin.ClientConfig{
		HandshakeConfig: plugin.HandshakeConfig{
			ProtocolVersion: 6, MagicCookieKey: "TF_PLUGIN_MAGIC_COOKIE",
			MagicCookieValue: "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2",
		},
		Plugins: plugin.PluginSet{"provider": &connectionPlugin{}}, AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		Cmd: cmd, SkipHostEnv: true, Stderr: &written, Logger: hclog.NewNullLogger(),
	})
	defer client.Kill()
	protocol, err := client.Client()
	if err != nil {
		t.Fatalf("%v:\n%s", err, written.String())
	}
	connection, err := protocol.Dispense("provider")
	if err != nil {
		t.Fatal(err)
	}
	err = connection.(*grpc.ClientConn).Invoke(t.Context(), "/tfplugin6.Provider/GetResourceIdentitySchemas",
		&emptypb.Empty{}, &emptypb.Empty{})
	if err != nil {
		t.Fatal(err)
	}
	client.Kill() // it waits for the end of the standard error
	return written.String()
}

// connectionPlugin returns the connection instead of a client, because the protocol's library does not export it.
type connectionPlugin struct{ plugin.NetRPCUnsupportedPlugin }

func (*connectionPlugin) GRPCServer(*plugin.GRPCBroker, *grpc.Server) error {
	return errors.New("the test serves nothing")
}

func (*connectionPlugin) GRPCClient(_ context.Context, _ *plugin.GRPCBroker, connection *grpc.ClientConn) (any, error) {
	return connection, nil
}

// lines is a writer that can be read while it is written to.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

var _ io.Writer = (*lines)(nil)

func (l *lines) Write(text []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(text)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
