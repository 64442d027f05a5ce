package kine

import (
	"fmt"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/nats-k3s/terraform-provider-nats/internal/invisible"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

// Endpoint holds the parts of a k3s datastore endpoint. [Endpoint.URL] joins them in the only form in which KINE reads
// all of them; see parseConnection in KINE's pkg/drivers/nats/config.go for how KINE reads other forms.
type Endpoint struct {
	// Servers are URLs of the form nats://host[:port], at least one unless ContextFile is set.
	Servers []string
	// Spec is the name, history and replicas of the bucket. KINE requires a bucket with exactly these settings.
	Spec Spec
	// CredentialsFile is the absolute path of a credentials file on the node that runs k3s.
	CredentialsFile string
	// ContextFile is the absolute path of a NATS context on that node, which then defines servers and credentials.
	ContextFile string
	// User and Password must be set together. KINE sends characters outside [SafeUserInfo] in their encoded form.
	User, Password string
	Token          string
	// CAFile, CertFile and KeyFile are absolute paths on that node. They are not part of the URL: k3s has separate
	// settings for them.
	CAFile, CertFile, KeyFile string
	// SlowMethod is the duration from which KINE logs a call as slow. Zero is KINE's default, 500 ms.
	SlowMethod time.Duration
}

// FieldError reports an invalid field of an [Endpoint] and how to fix it.
type FieldError struct {
	// Field is the name of the field in Endpoint. Index is the element of Servers, or -1.
	Field string
	Index int
	// Problem describes what is wrong, Remedy what to do. Neither contains a secret.
	Problem, Remedy string
}

func (e *FieldError) Error() string { return e.Problem + ". " + e.Remedy }

// SafeUserInfo are the characters that a user, password or token may contain in addition to letters and digits. KINE
// sends user info in the encoded form of the URL, so the server receives any other character percent-encoded.
const SafeUserInfo = "-_.~$&+;="

// defaultPort is the port of a server whose URL has none.
const defaultPort = "4222"

// Check returns an error for each invalid field.
func (e Endpoint) Check() []*FieldError { return append(e.checkParts(), e.checkPaths()...) }

// checkParts is Check without the paths.
func (e Endpoint) checkParts() []*FieldError {
	var found []*FieldError
	add := func(field string, problem, remedy string) {
		found = append(found, &FieldError{Field: field, Index: -1, Problem: problem, Remedy: remedy})
	}

	if err := CheckBucket(e.Spec.Name); err != nil {
		add("Bucket", err.Error(), "Set the name of the bucket as in nats_kine_bucket.")
	}
	if e.Spec.History < MinHistory || e.Spec.History > MaxHistory {
		add("History", fmt.Sprintf("KINE accepts a history from %d to %d, not %d", MinHistory, MaxHistory, e.Spec.History),
			"Set the history of the bucket.")
	}
	if e.Spec.Replicas < MinReplicas || e.Spec.Replicas > MaxReplicas {
		add("Replicas", fmt.Sprintf("KINE accepts %d to %d replicas, not %d", MinReplicas, MaxReplicas, e.Spec.Replicas),
			"Set the number of replicas of the bucket.")
	}

	found = append(found, e.checkServers()...)
	found = append(found, e.checkAuth()...)
	switch {
	case e.CertFile != "" && e.KeyFile == "":
		add("KeyFile", "KINE ignores a client certificate without its key", "Set the file of the key as well.")
	case e.CertFile == "" && e.KeyFile != "":
		add("CertFile", "KINE ignores a key without its client certificate", "Set the file of the certificate as well.")
	}
	if e.SlowMethod < 0 {
		add("SlowMethod", "a negative duration makes KINE log every call as slow", `Set a duration such as "500ms".`)
	}
	return found
}

// checkPaths checks the paths, which are on the node that runs k3s.
func (e Endpoint) checkPaths() []*FieldError {
	var found []*FieldError
	for _, file := range []struct{ field, path string }{
		{"CredentialsFile", e.CredentialsFile}, {"ContextFile", e.ContextFile},
		{"CAFile", e.CAFile}, {"CertFile", e.CertFile}, {"KeyFile", e.KeyFile},
	} {
		if file.path == "" {
			continue
		}
		problem, remedy := checkNodePath(file.path), "Set the absolute path of the file on the node that runs k3s."
		if err := secret.CheckPath(file.path); err != nil {
			problem, remedy = fmt.Sprintf("it is %s, not a path", secret.What(file.path)),
				"Write it to a file on the node that runs k3s, for example with cloud-init or local_sensitive_file, "+
					"and set the absolute path of the file."
		}
		if problem == "" && file.field == "CredentialsFile" {
			problem, remedy = checkVariable(file.path), "Use a path without a dollar sign."
		}
		if problem != "" {
			found = append(found, &FieldError{Field: file.field, Index: -1, Problem: problem, Remedy: remedy})
		}
	}
	return found
}

func (e Endpoint) checkServers() []*FieldError {
	if e.ContextFile != "" {
		if len(e.Servers) > 0 {
			return []*FieldError{{Field: "Servers", Index: -1,
				Problem: "KINE refuses servers in addition to a context file",
				Remedy: "Remove the servers, which the context file defines, or set servers and credentials instead of the " +
					"context file."}}
		}
		return nil
	}
	if len(e.Servers) == 0 {
		return []*FieldError{{Field: "Servers", Index: -1,
			Problem: "the endpoint has no server", Remedy: `Set at least one, such as "nats://nats.example.com:4222".`}}
	}
	var found []*FieldError
	seen := map[string]int{}
	for i, server := range e.Servers {
		u, problem, remedy := parseEndpointServer(server)
		if problem == "" {
			host := strings.ToLower(u.Host)
			if u.Port() == "" {
				host += ":" + defaultPort
			}
			if first, ok := seen[host]; ok {
				problem = fmt.Sprintf("server %d is the same as server %d", i+1, first+1)
				remedy = "Remove the duplicate."
			}
			seen[host] = i
		}
		if problem != "" {
			found = append(found, &FieldError{Field: "Servers", Index: i, Problem: problem, Remedy: remedy})
		}
	}
	return found
}

// parseEndpointServer parses one server of an endpoint. It accepts less than a NATS client does.
func parseEndpointServer(server string) (u *url.URL, problem, remedy string) {
	const form = `Set it as "nats://host:port".`
	scheme, _, ok := strings.Cut(server, "://")
	if !ok {
		return nil, "the server's URL has no scheme", form
	}
	u, err := natsconn.ParseServer(server)
	switch {
	case scheme == "tls" || scheme == "wss":
		return nil, fmt.Sprintf("KINE does not support the scheme %s", scheme),
			`Set it as "nats://host:port" and set tls.ca_file to the certificate authority, which makes KINE use TLS.`
	case scheme == "jetstream":
		return nil, "the scheme jetstream only works in front of another URL and ignores the settings of the embedded " +
			"server", form
	case scheme != "nats":
		return nil, secret.Sprintf("KINE does not support the scheme %q", scheme), form
	case err != nil:
		return nil, err.Error(), form
	case strings.Contains(server, "%"):
		return nil, "KINE does not accept a zone or encoded characters in a host", form
	case server != "nats://"+u.Host:
		return nil, "KINE ignores everything except the host and port of a server's URL", form
	}
	return u, "", ""
}

func (e Endpoint) checkAuth() []*FieldError {
	const wayOut = "Write it to a credentials file or a context file on the node, and set credentials_file or " +
		"context_file."
	var found []*FieldError
	add := func(field, problem, remedy string) {
		found = append(found, &FieldError{Field: field, Index: -1, Problem: problem, Remedy: remedy})
	}

	for _, part := range []struct{ field, name, value string }{
		{"User", "user", e.User}, {"Password", "password", e.Password}, {"Token", "token", e.Token},
	} {
		if !safeUserInfo(part.value) {
			add(part.field, fmt.Sprintf("the %s has characters that KINE sends percent-encoded, "+
				"so the server would refuse it; letters, digits and %s are safe", part.name, SafeUserInfo), wayOut)
		}
	}
	if e.Token == redactedUser {
		add("Token", "the token is the placeholder of a redacted endpoint", "Set the token itself.")
	}
	switch {
	case e.User != "" && e.Password == "":
		add("Password", "KINE treats a user without a password as a token", "Set the password, or set token instead.")
	case e.User == "" && e.Password != "":
		add("User", "a password needs a user", "Set the user as well.")
	}

	ways := map[string]bool{
		"User": e.User != "" || e.Password != "", "Token": e.Token != "",
		"CredentialsFile": e.CredentialsFile != "", "ContextFile": e.ContextFile != "",
	}
	var first string
	for _, field := range []string{"ContextFile", "CredentialsFile", "User", "Token"} {
		switch {
		case !ways[field]:
		case first == "":
			first = field
		default:
			add(field, "the endpoint has more than one way to authenticate, and KINE or the server ignores all but one",
				"Set only one of context_file, credentials_file, user with password, and token.")
		}
	}
	return found
}

func safeUserInfo(text string) bool {
	for _, r := range text {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune(SafeUserInfo, r) {
			return false
		}
	}
	return true
}

// checkNodePath returns what is wrong with a path on the node that runs k3s.
func checkNodePath(file string) string {
	switch {
	case strings.HasPrefix(file, "~"):
		return secret.Sprintf("KINE does not expand the ~ in %q", file)
	case !path.IsAbs(file):
		return secret.Sprintf("%q is relative to the directory in which k3s is started", file)
	case invisible.Check(file) != nil:
		return fmt.Sprintf("the path cannot be used: %s", invisible.Check(file))
	}
	return ""
}

// checkVariable returns what is wrong with the path of a credentials file. The NATS client expands environment
// variables in it (expandPath in nats.go), but not in other paths.
func checkVariable(file string) string {
	if strings.Contains(file, "$") {
		return secret.Sprintf("KINE expands the $ in %q as an environment variable", file)
	}
	return ""
}

// URL returns the datastore endpoint, including the password or token. The error is the first of [Endpoint.Check].
func (e Endpoint) URL() (string, error) {
	return e.build(e.Check(), url.UserPassword(e.User, e.Password), url.User(e.Token))
}

// LocalURL is URL for a KINE on this machine. Its paths are those of this machine, are not checked, and may be relative
// to KINE's working directory.
func (e Endpoint) LocalURL() (string, error) {
	return e.build(e.checkParts(), url.UserPassword(e.User, e.Password), url.User(e.Token))
}

// Redacted returns the datastore endpoint with the user, password or token replaced.
func (e Endpoint) Redacted() (string, error) {
	return e.build(e.Check(), url.User(redactedUser), url.User(redactedUser))
}

// build joins the parts unless found has an error.
func (e Endpoint) build(found []*FieldError, password, token *url.Userinfo) (string, error) {
	if len(found) > 0 {
		return "", found[0]
	}
	params := url.Values{}
	params.Set("bucket", e.Spec.Name)
	params.Set("replicas", strconv.Itoa(e.Spec.Replicas))
	params.Set("revHistory", strconv.FormatInt(e.Spec.History, 10))
	// Without it, builds of KINE with an embedded server start that server. Other builds ignore it.
	params.Set("noEmbed", "true")
	if e.CredentialsFile != "" {
		params.Set("credsFile", e.CredentialsFile)
	}
	if e.ContextFile != "" {
		params.Set("contextFile", e.ContextFile)
	}
	if e.SlowMethod > 0 {
		params.Set("slowMethod", e.SlowMethod.String())
	}

	// A space is encoded as %20 rather than +, so that a + is unambiguous.
	first := url.URL{Scheme: "nats", RawQuery: strings.ReplaceAll(params.Encode(), "+", "%20")}
	switch {
	case e.User != "":
		first.User = password
	case e.Token != "":
		first.User = token
	}
	// KINE reads only the parameters and credentials of the first URL.
	urls := []string{""}
	for i, server := range e.Servers {
		u, err := natsconn.ParseServer(server)
		if err != nil {
			return "", err
		}
		if i == 0 {
			first.Host = u.Host
		} else {
			urls = append(urls, "nats://"+u.Host)
		}
	}
	urls[0] = first.String()
	if first.Host == "" && first.User == nil {
		urls[0] = "nats://?" + first.RawQuery // the form that KINE accepts with a context file
	}
	return strings.Join(urls, ","), nil
}

// Environment returns the environment variables from which k3s reads the endpoint.
func (e Endpoint) Environment() (map[string]string, error) {
	return e.settings("K3S_DATASTORE_ENDPOINT", "K3S_DATASTORE_CAFILE", "K3S_DATASTORE_CERTFILE", "K3S_DATASTORE_KEYFILE")
}

// K3sConfig returns the endpoint as a fragment of k3s's config.yaml.
func (e Endpoint) K3sConfig() (string, error) {
	settings, err := e.settings("datastore-endpoint", "datastore-cafile", "datastore-certfile", "datastore-keyfile")
	if err != nil {
		return "", err
	}
	text, err := yaml.Marshal(settings)
	return string(text), err
}

func (e Endpoint) settings(endpoint, ca, cert, key string) (map[string]string, error) {
	u, err := e.URL()
	if err != nil {
		return nil, err
	}
	settings := map[string]string{endpoint: u}
	for name, file := range map[string]string{ca: e.CAFile, cert: e.CertFile, key: e.KeyFile} {
		if file != "" {
			settings[name] = file
		}
	}
	return settings, nil
}
