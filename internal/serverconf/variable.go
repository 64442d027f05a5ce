package serverconf

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// variable is a value that nats-server takes from its environment. The server expands a name that is the whole value, and only if the value
// has no quotes (isVariable in conf/lex.go). It looks for keys of the file before it looks into the environment (lookupVariable in
// conf/parse.go): the capital letters keep the two apart.
var variable = regexp.MustCompile(`^\$[A-Z_][A-Z0-9_]*$`)

// reference finds what looks like a variable anywhere in a text.
var reference = regexp.MustCompile(`\$[{A-Za-z_]`)

func isVariable(text string) bool { return variable.MatchString(text) }

// isExpanded reports whether the server takes the value from its environment, so that there is nothing to check. A variable that the server
// does not expand is a problem.
func (c *checker) isExpanded(at Path, text string) bool {
	if isVariable(text) {
		return true
	}
	if !reference.MatchString(text) {
		return false
	}
	c.add(at, `a variable is in it that the server does not expand: it expands one that is the whole value, with a name of capital letters, digits `+
		`and _, such as "$POD_NAME". Give the whole value in one variable of the server's environment, or write it out`)
	return true
}

// isLiteral refuses a variable where the value has to be known here.
func (c *checker) isLiteral(at Path, text string) bool {
	if reference.MatchString(text) {
		c.add(at, "it cannot be a variable of the server's environment: write the value out")
		return false
	}
	return true
}

// withVariables returns the configuration with other names for its variables, and definitions of those, all in one line, to stand before it:
// the server looks into the file first, and the environment of this process has nothing to do with that of the server. A variable's own name
// could be that of a setting.
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
	// No two ports are the same.
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

// withHost returns host:port for a port alone, which nats-server takes for that port on all interfaces.
func withHost(address string) string {
	if n, err := strconv.Atoi(address); err == nil && strconv.Itoa(n) == address {
		return "0.0.0.0:" + address
	}
	return address
}
