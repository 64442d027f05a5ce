package provider

import (
	"os"
	"runtime/debug"
	"strings"
)

// logVariables set the levels of the loggers in a provider process: of the protocol server, the framework, and the
// provider itself. All of them are set, because a logger that inherits its level formats its lines before it drops
// them.
var logVariables = []string{
	"TF_LOG_SDK", "TF_LOG_SDK_PROTO", "TF_LOG_SDK_FRAMEWORK", "TF_LOG_PROVIDER_" + strings.ToUpper(typeName),
}

// quietLogs turns off the loggers of the process unless a variable with the prefix TF_LOG is set, and reports whether
// it did. Without one, the loggers write at level TRACE, and the CLI reads every line and shows none. This costs a
// third of the processor time of a plan.
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

// Settings of the garbage collector. A provider runs for seconds with a few megabytes of live heap. By default, Go
// collects whenever the heap has doubled, which is many times a second here. The memory limit protects small machines;
// it is soft, so a provider that needs more memory gets it.
const (
	collectPercent = 400
	memoryLimit    = 128 << 20
)

// paceCollector makes the garbage collector run less often, within a memory limit. GOGC and GOMEMLIMIT take precedence.
func paceCollector() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(collectPercent)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
}
