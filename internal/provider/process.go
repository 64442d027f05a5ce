package provider

import (
	"os"
	"runtime/debug"
	"strings"
)

// logVariables are the variables that set the levels of the loggers in the process of a provider: those of the protocol's server, of the
// framework, and of the provider itself. Each is set: a logger that inherits its level prepares its lines before it drops them.
var logVariables = []string{
	"TF_LOG_SDK", "TF_LOG_SDK_PROTO", "TF_LOG_SDK_FRAMEWORK", "TF_LOG_PROVIDER_" + strings.ToUpper(typeName),
}

// quietLogs turns off the loggers of the process unless a variable that begins with TF_LOG is set, and reports whether it
// did. Without one, the CLI reads every line and shows none, and the loggers write at the level TRACE: formatting and
// reading the lines takes a third of the processor time of a plan.
func quietLogs() (quiet bool, err error) {
	for _, variable := range os.Environ() {
		if name, value, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "TF_LOG") && value != "" {
			return false, nil
		}
	}
	for _, name := range logVariables {
		if err := os.Setenv(name, "off"); err != nil {
			return false, err
		}
	}
	return true, nil
}

// The pace of the garbage collector. A provider lives for seconds and keeps a few megabytes alive, so that the default pace, a collection
// whenever the heap has doubled, collects many times a second. The limit bounds the memory on small machines; it is soft, so that a
// provider that needs more gets more.
const (
	collectPercent = 400
	memoryLimit    = 128 << 20
)

// paceCollector has the garbage collector run less often, within a memory limit. GOGC and GOMEMLIMIT take precedence.
func paceCollector() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(collectPercent)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
}
