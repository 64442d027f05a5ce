package kine

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Inspection is how KINE reads a datastore endpoint. It contains no secret.
type Inspection struct {
	// Error is why KINE refuses the endpoint before it connects, or "". If it is set, the other fields are what KINE
	// read before.
	Error string
	// Servers are the servers that KINE connects to, as nats://host[:port]. They are empty with a context file, which
	// defines the servers.
	Servers []string
	// Spec is the bucket that KINE uses, and creates if it does not exist. It is zero if it is unclear which part of
	// the endpoint is secret.
	Spec Spec
	// SlowMethod is the duration from which KINE logs a call as slow.
	SlowMethod time.Duration
	// Authentication is how KINE authenticates: one of the constants below.
	Authentication string
	// User is the user that KINE sends, as written in the URL.
	User                         string
	CredentialsFile, ContextFile string
	Embedded                     Embedded
	// Redacted is the endpoint without user, password or token, or "" if it is unclear where these end.
	Redacted string
	// Warnings describe what KINE ignores, misreads or sends in another form.
	Warnings []string
}

// The ways to authenticate.
const (
	AuthNone            = "none"
	AuthUser            = "user"
	AuthToken           = "token"
	AuthCredentialsFile = "credentials_file"
	AuthContextFile     = "context_file"
)

// Embedded is how a build of KINE with an embedded NATS server reads an endpoint. The KINE of k3s has no embedded
// server.
type Embedded struct {
	// Disabled prevents the server from starting.
	Disabled               bool
	ServerConfig, DataDir  string
	DontListen, LogsStdout bool
	// Host and Port are the address on which the server listens. An empty host is any address; port 0 is a random port.
	Host string
	Port int
}

// defaultSlowMethod is the default of KINE.
const defaultSlowMethod = 500 * time.Millisecond

// legacyPrefix selects KINE's old driver.
const legacyPrefix = "jetstream://"

// embeddedParameters are the additional parameters of builds with an embedded server. flags are the parameters that
// KINE treats as true whenever they are present.
var (
	embeddedParameters = []string{"dataDir", "dontListen", "serverConfig", "stdoutLogging"}
	flags              = []string{"dontListen", "noEmbed", "stdoutLogging"}
)

// InspectEndpoint returns how KINE reads any datastore endpoint. It follows parseConnection in KINE's
// pkg/drivers/nats/config.go. [ParseEndpoint] only accepts endpoints that KINE reads completely.
func InspectEndpoint(text string) Inspection {
	in := inspector{Inspection: Inspection{
		Spec: Spec{Name: DefaultBucket, History: DefaultHistory, Replicas: DefaultReplicas}, SlowMethod: defaultSlowMethod,
		Authentication: AuthNone,
	}}
	in.inspect(text)
	return in.Inspection
}

type inspector struct {
	Inspection
	// legacy is true if the endpoint is for KINE's old driver.
	legacy bool
}

// refuse records why KINE refuses the endpoint, unless a reason is already set.
func (in *inspector) refuse(format string, args ...any) {
	if in.Error == "" {
		in.Error = fmt.Sprintf(format, args...)
	}
}

func (in *inspector) warn(format string, args ...any) {
	in.Warnings = append(in.Warnings, fmt.Sprintf(format, args...))
}

func (in *inspector) inspect(text string) {
	scheme, rest, ok := strings.Cut(text, "://")
	switch {
	case !ok || scheme != "nats" && scheme != "jetstream":
		in.refuse("KINE has no driver for an endpoint that does not begin with nats://")
		return
	case scheme == "jetstream":
		in.legacy = true
		in.warn("The prefix jetstream:// selects an old driver, which never starts an embedded server. Remove it and keep " +
			"nats://.")
		// The driver receives the rest and parses it as a URL.
		if text = rest; !strings.HasPrefix(text, "nats://") {
			in.refuse("KINE requires a complete URL after jetstream://, as in jetstream://nats://host")
			return
		}
	}

	parts := strings.Split(text, ",")
	urls := make([]*url.URL, len(parts))
	for i, part := range parts {
		// The rest of a password that is not encoded is in the place of another part of the endpoint. It is then
		// unclear what is secret, so nothing is shown.
		u, err := url.Parse(part)
		if err != nil {
			in.refuse("URL %d of the endpoint cannot be parsed: special characters must be percent-encoded, including a comma "+
				"in a password", i+1)
			return
		}
		if u.Scheme != "nats" {
			in.refuse("the text after the comma before URL %d does not begin with nats://: a comma in a password must be "+
				"percent-encoded", i+1)
			return
		}
		_, tail, _ := strings.Cut(part, "://")
		if end := strings.IndexAny(tail, "/?#"); end >= 0 && strings.Contains(tail[end:], "@") {
			in.warn("URL %d has an @ that does not end its credentials. Its host or parameters may be part of a password, "+
				"so they are not shown. Percent-encode any other @ and special characters in a password.", i+1)
			in.Spec = Spec{}
			return
		}
		urls[i] = u
	}
	in.Redacted = redactURLs(urls)
	if in.legacy {
		in.Redacted = legacyPrefix + in.Redacted
	}
	params, err := url.ParseQuery(urls[0].RawQuery)
	if err != nil {
		in.refuse("the parameters of the endpoint cannot be parsed: special characters must be percent-encoded")
		return
	}
	in.readParams(urls[0], params)
	if in.Error == "" {
		in.readServers(urls)
	}
}

// redactURLs joins the URLs without their users, passwords and tokens. These may also be in a parameter that KINE
// ignores, so values of unknown parameters are not shown.
func redactURLs(urls []*url.URL) string {
	texts := make([]string, len(urls))
	for i, u := range urls {
		rest := *u
		rest.Scheme, rest.User, rest.Host = "", nil, ""
		rest.RawQuery = redactQuery(u.RawQuery)
		texts[i] = "nats://" + u.Host + rest.String()
		if u.User != nil {
			texts[i] = "nats://" + redactedUser + "@" + u.Host + rest.String()
		}
	}
	return strings.Join(texts, ",")
}

// redactQuery replaces the values of parameters that KINE does not know.
func redactQuery(query string) string {
	params := strings.Split(query, "&")
	for i, param := range params {
		name, _, _ := strings.Cut(param, "=")
		if !slices.Contains(parameters, name) && !slices.Contains(embeddedParameters, name) && name != param {
			params[i] = name + "=" + redactedUser
		}
	}
	return strings.Join(params, "&")
}

// readParams reads the parameters of the first URL, the only ones that KINE reads.
func (in *inspector) readParams(first *url.URL, params url.Values) {
	if strings.Contains(first.RawQuery, "+") {
		in.warn("KINE reads a + in the parameters as a space. Use %%2B or %%20.")
	}
	for _, name := range slices.Sorted(maps.Keys(params)) {
		flag := slices.Contains(flags, name)
		switch {
		case !slices.Contains(parameters, name) && !slices.Contains(embeddedParameters, name):
			in.warn("KINE ignores the parameter %q. Valid parameters are %s, and with an embedded server %s.", name,
				strings.Join(parameters, ", "),
				strings.Join(embeddedParameters, ", "))
			continue
		case len(params[name]) > 1:
			in.warn("The parameter %s is set %d times, and KINE reads only the first. Set it once.", name, len(params[name]))
		case !flag && params.Get(name) == "":
			in.warn("The parameter %s is empty, so KINE uses its default. Remove it or set a value.", name)
		}
		if value := params.Get(name); flag && value != "" && value != "true" {
			in.warn("KINE treats %s as true, whatever its value is. Remove it to turn it off.", name)
		}
	}
	if name := params.Get("bucket"); name != "" {
		in.Spec.Name = name
		if err := CheckBucket(name); err != nil {
			in.warn("The server refuses the bucket: %v. Use another name.", err)
		}
	}
	in.Spec.Replicas = int(in.number(params, "replicas", MinReplicas, MaxReplicas, DefaultReplicas))
	in.Spec.History = in.number(params, "revHistory", MinHistory, MaxHistory, DefaultHistory)
	if text := params.Get("slowMethod"); text != "" {
		d, err := time.ParseDuration(text)
		if err != nil {
			in.refuse("the parameter slowMethod is not a duration such as 500ms")
		} else if in.SlowMethod = d; d <= 0 {
			in.warn("The parameter slowMethod is not positive, so KINE logs every call as slow. Set a duration such as 500ms.")
		}
	}
	in.CredentialsFile, in.ContextFile = params.Get("credsFile"), params.Get("contextFile")
	for _, file := range []string{in.CredentialsFile, in.ContextFile} {
		if problem := checkNodePath(file); file != "" && problem != "" {
			in.warn("Invalid path: %s. Set the absolute path of the file on the node.", problem)
		}
	}
	if problem := checkVariable(in.CredentialsFile); problem != "" {
		in.warn("Invalid path: %s. Use a path without a dollar sign.", problem)
	}
	in.readEmbedded(first, params)
}

// number parses a number as KINE does, which uses the default if it cannot parse the value.
func (in *inspector) number(params url.Values, name string, least, most, otherwise int64) int64 {
	text := params.Get(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 8)
	switch {
	case err != nil:
		in.warn("The parameter %s is not an integer from 0 to 255, so KINE uses its default, %d. Set a number from %d to %d.",
			name, otherwise, least, most)
		return otherwise
	case int64(n) < least || int64(n) > most: //nolint:gosec // eight bits
		in.refuse("the parameter %s is %d, but KINE accepts %d to %d", name, n, least, most)
	}
	return int64(n) //nolint:gosec // eight bits
}

// readEmbedded reads the settings for builds with an embedded server.
func (in *inspector) readEmbedded(first *url.URL, params url.Values) {
	port, _ := strconv.Atoi(first.Port()) // as in KINE, 0 unless it is a number
	in.Embedded = Embedded{
		Disabled: params.Has("noEmbed"), ServerConfig: params.Get("serverConfig"), DataDir: params.Get("dataDir"),
		DontListen: params.Has("dontListen"), LogsStdout: params.Has("stdoutLogging"), Host: first.Hostname(), Port: port,
	}
	configured := slices.ContainsFunc(embeddedParameters, params.Has)
	switch {
	case in.legacy:
		in.Embedded.Disabled = true
	case in.Embedded.Disabled && configured:
		in.warn("With noEmbed, KINE ignores the parameters of the embedded server (%s). Remove them or noEmbed.",
			strings.Join(embeddedParameters, ", "))
	case configured:
		in.warn("The KINE of k3s has no embedded server and ignores %s. They need a build with an embedded server, such as "+
			"that of k0s.",
			strings.Join(embeddedParameters, ", "))
	case !in.Embedded.Disabled:
		in.warn("Without noEmbed, a KINE with an embedded NATS server, such as that of k0s, starts it and ignores the " +
			"servers. Add noEmbed=true to use your own servers.")
	}
	if !in.Embedded.Disabled && in.Embedded.ServerConfig != "" && port == 0 && !in.Embedded.DontListen {
		in.warn("Without a port in the URL, an embedded server listens on a random port, even if serverConfig sets one. " +
			"Add the port to the URL.")
	}
}

// readServers reads the servers that KINE connects to and its credentials.
func (in *inspector) readServers(urls []*url.URL) {
	first := urls[0]
	for i, u := range urls {
		if u.Path != "" || u.Fragment != "" {
			in.warn("KINE ignores the path or fragment of URL %d. Remove it.", i+1)
		}
		if i > 0 && (u.User != nil || u.RawQuery != "") {
			in.warn("KINE ignores the credentials and parameters of URL %d. Move them to the first URL.", i+1)
		}
	}
	if in.ContextFile != "" {
		in.Authentication = AuthContextFile
		if first.Host != "" {
			in.refuse("KINE does not accept a host together with contextFile, which defines the servers")
		}
		if first.User != nil || len(urls) > 1 || in.CredentialsFile != "" {
			in.warn("The context file defines servers and credentials. Remove them from the endpoint, where they are ignored " +
				"or conflict with it.")
		}
		return
	}

	for i, u := range urls {
		server := "nats://" + u.Host
		if strings.Contains(u.Host, "%") {
			in.refuse("the address of URL %d has a zone, which the NATS client of KINE does not support", i+1)
		}
		if slices.Contains(in.Servers, server) {
			in.warn("URL %d has the same server as another URL. Remove the duplicate.", i+1)
		}
		in.Servers = append(in.Servers, server)
		if _, problem, remedy := parseEndpointServer(server); u.Host == "" {
			in.warn("URL %d has no host, so KINE connects to port 4222 of its own machine. Add the host.", i+1)
		} else if problem != "" {
			in.warn("URL %d: %s. %s", i+1, problem, remedy)
		}
	}
	in.readUser(first.User)
	if in.CredentialsFile != "" {
		if in.Authentication != AuthNone {
			in.warn("The endpoint has both credentials in its URL and credsFile, and the server ignores one of them. Remove " +
				"one.")
		}
		in.Authentication = AuthCredentialsFile
	}
}

// readUser reads the credentials in the URL. KINE sends them in the encoded form of the URL.
func (in *inspector) readUser(info *url.Userinfo) {
	if info == nil {
		return
	}
	user, password, isUser := strings.Cut(info.String(), ":")
	decoded, _ := info.Password()
	switch {
	case isUser:
		in.Authentication, in.User = AuthUser, user
		if password == "" || user == "" {
			in.warn("The endpoint has only a user or only a password, and KINE sends the other one empty. Set both.")
		}
	case user == "":
		in.warn("The endpoint has an @ without a user or token before it, so KINE sends no credentials. Add them or remove " +
			"the @.")
		return
	default:
		in.Authentication = AuthToken
	}
	if !safeUserInfo(info.Username()) || !safeUserInfo(decoded) {
		in.warn("The user, password or token has characters that KINE sends percent-encoded, so the server refuses them. "+
			"Letters, digits and %s are safe; use a credentials file or a context file for other characters.", SafeUserInfo)
	}
}
