package serverconf

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// variable matches a value that nats-server reads from its environment. The server expands a variable only if it is
// the whole value and is not quoted (isVariable in conf/lex.go). It searches the keys of the file before the
// environment (lookupVariable in conf/parse.go): capital letters keep the two apart.
var variable = regexp.MustCompile(`^\$[A-Z_][A-Z0-9_]*$`)

// reference matches anything that looks like a variable anywhere in a text.
var reference = regexp.MustCompile(`\$[{A-Za-z_]`)

func isVariable(text string) bool { return variable.MatchString(text) }

// isExpanded reports whether the server reads the value from its environment, so that there is nothing to check. A
// variable that the server does not expand is reported as a problem.
func (c *checker) isExpanded(at Path, text string) bool {
	if isVariable(text) {
		return true
	}
	if !reference.MatchString(text) {
		return false
	}
	c.add(at, `the server does not expand this variable: a variable must be the whole value, with a name of capital `+
		`letters, digits and _, for example "$POD_NAME". Use one variable for the whole value, or write the value out`)
	return true
}

// isLiteral rejects a variable where the value must be known here.
func (c *checker) isLiteral(at Path, text string) bool {
	if reference.MatchString(text) {
		c.add(at, "it cannot be a variable of the server's environment: write the value out")
		return false
	}
	return true
}

// withVariables returns the configuration with renamed variables, and definitions of these names on one line to put
// in front of it: the server searches the file first, and the environment of this process differs from that of the
// server. A variable's original name could be the name of a setting.
func (c Config) withVariables() (Config, string) {
	names := map[string]string{}
	var b strings.Builder
	define := func(field *string, value string) {
		if !isVariable(*field) {
			return
		}
		name, ok := names[*field]
		if !ok {
			name = "STAND_IN_" + strconv.Itoa(len(names))
			names[*field] = name
			b.WriteString(name + ": " + quote(value) + "; ")
		}
		*field = "$" + name
	}
	// Every port is different.
	address := func(field *string, scheme, host string) { define(field, scheme+host+":"+strconv.Itoa(len(names)+1)) }
	c.Tags = slices.Clone(c.Tags)
	address(&c.Listen, "", "127.0.0.1")
	address(&c.HTTP, "", "127.0.0.1")
	if c.Cluster != nil {
		cluster := *c.Cluster
		cluster.Routes = slices.Clone(cluster.Routes)
		address(&cluster.Listen, "", "127.0.0.1")
		for i := range cluster.Routes {
			address(&cluster.Routes[i], "nats://", "stand-in")
		}
		define(&cluster.Advertise, "stand-in")
		define(&cluster.Name, "stand-in")
		c.Cluster = &cluster
	}
	if c.JetStream != nil {
		js := *c.JetStream
		define(&js.Domain, "stand-in")
		c.JetStream = &js
	}
	define(&c.ClientAdvertise, "stand-in")
	define(&c.ServerName, "stand-in")
	for i := range c.Tags {
		define(&c.Tags[i], "stand-in")
	}
	return c, b.String()
}

// withHost returns host:port for a single port, which nats-server treats as that port on all interfaces.
func withHost(address string) string {
	if n, err := strconv.Atoi(address); err == nil && strconv.Itoa(n) == address {
		return "0.0.0.0:" + address
	}
	return address
}
