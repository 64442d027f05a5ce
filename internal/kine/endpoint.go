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

// Endpoint holds the parts of a k3s datastore endpoint. [Endpoint.URL] joins them in the one way in which KINE reads all of
// them; see parseConnection in KINE's pkg/drivers/nats/config.go for how it reads everything else.
type Endpoint struct {
	// Servers are URLs of the form nats://host[:port], at least one unless ContextFile is set.
	Servers []string
	// Spec names the bucket, its history and replicas. KINE demands a bucket that has just these.
	Spec Spec
	// CredentialsFile is the absolute path of a credentials file on the node that runs k3s.
	CredentialsFile string
	// ContextFile is the absolute path of a NATS context on that node, which then says servers and credentials.
	ContextFile string
	// User and Password go together. KINE sends characters outside of [SafeUserInfo] in their encoded form.
	User, Password string
	Token          string
	// CAFile, CertFile and KeyFile are absolute paths on that node. They are no part of the URL: k3s has settings of
	// their own for them.
	CAFile, CertFile, KeyFile string
	// SlowMethod is the time after which KINE logs a call as slow; zero for KINE's own, 500 ms.
	SlowMethod time.Duration
}

// FieldError says which field of an [Endpoint] is unusable, and what to do.
type FieldError struct {
	// Field is the name of the field as in the Endpoint; Index is the element of Servers, else -1.
	Field string
	Index int
	// Problem says what is wrong, Remedy what to do about it. Neither contains a secret.
	Problem, Remedy string
}

func (e *FieldError) Error() string { return e.Problem + ". " + e.Remedy }

// SafeUserInfo are the characters that a user, password or token may consist of beside letters and digits. KINE takes
// them from the URL in their encoded form and sends that, so a character that has to be encoded arrives as another one.
const SafeUserInfo = "-_.~$&+;="

// defaultPort is the port of a server whose URL has none.
const defaultPort = "4222"

// Check returns what is wrong with the endpoint, field by field.
func (e Endpoint) Check() []*FieldError { return append(e.checkParts(), e.checkPaths()...) }

// checkParts is Check for all but the paths.
func (e Endpoint) checkParts() []*FieldError {
	var found []*FieldError
	add := func(field string, problem, remedy string) {
		found = append(found, &FieldError{Field: field, Index: -1, Problem: problem, Remedy: remedy})
	}

	if err := CheckBucket(e.Spec.Name); err != nil {
		add("Bucket", err.Error(), "Give the name of the bucket as nats_kine_bucket has it.")
	}
	if e.Spec.History < MinHistory || e.Spec.History > MaxHistory {
		add("History", fmt.Sprintf("KINE takes a history from %d to %d, not %d", MinHistory, MaxHistory, e.Spec.History),
			"Give the history of the bucket.")
	}
	if e.Spec.Replicas < MinReplicas || e.Spec.Replicas > MaxReplicas {
		add("Replicas", fmt.Sprintf("KINE takes %d to %d replicas, not %d", MinReplicas, MaxReplicas, e.Spec.Replicas),
			"Give the number of replicas of the bucket.")
	}

	found = append(found, e.checkServers()...)
	found = append(found, e.checkAuth()...)
	switch {
	case e.CertFile != "" && e.KeyFile == "":
		add("KeyFile", "a client certificate without its key is ignored by KINE", "Give the file of the key too.")
	case e.CertFile == "" && e.KeyFile != "":
		add("CertFile", "a key without its client certificate is ignored by KINE", "Give the file of the certificate too.")
	}
	if e.SlowMethod < 0 {
		add("SlowMethod", "a negative duration makes KINE log every call as slow", `Give a duration such as "500ms".`)
	}
	return found
}

// checkPaths checks the paths, which are those of the node that runs k3s.
func (e Endpoint) checkPaths() []*FieldError {
	var found []*FieldError
	for _, file := range []struct{ field, path string }{
		{"CredentialsFile", e.CredentialsFile}, {"ContextFile", e.ContextFile},
		{"CAFile", e.CAFile}, {"CertFile", e.CertFile}, {"KeyFile", e.KeyFile},
	} {
		if file.path == "" {
			continue
		}
		problem, remedy := checkNodePath(file.path), "Give the absolute path of the file on the node that runs k3s."
		if err := secret.CheckPath(file.path); err != nil {
			problem, remedy = fmt.Sprintf("it is %s and not a path", secret.What(file.path)),
				"Write that to a file on the node that runs k3s, for example with cloud-init or local_sensitive_file, and give the absolute path of the file."
		}
		if problem == "" && file.field == "CredentialsFile" {
			problem, remedy = checkVariable(file.path), "Give the file a name, and its directories, without one."
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
				Problem: "KINE refuses servers beside a context file",
				Remedy:  "Leave the servers to the context file, or give servers and credentials and no context file."}}
		}
		return nil
	}
	if len(e.Servers) == 0 {
		return []*FieldError{{Field: "Servers", Index: -1,
			Problem: "the endpoint has no server", Remedy: `Give at least one, such as "nats://nats.example.com:4222".`}}
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
				remedy = "Give each server once."
			}
			seen[host] = i
		}
		if problem != "" {
			found = append(found, &FieldError{Field: "Servers", Index: i, Problem: problem, Remedy: remedy})
		}
	}
	return found
}

// parseEndpointServer reads one server of an endpoint, which is narrower than what a NATS client takes.
func parseEndpointServer(server string) (u *url.URL, problem, remedy string) {
	const form = `Give it as "nats://host:port".`
	scheme, _, ok := strings.Cut(server, "://")
	if !ok {
		return nil, "the server's URL has no scheme", form
	}
	u, err := natsconn.ParseServer(server)
	switch {
	case scheme == "tls" || scheme == "wss":
		return nil, fmt.Sprintf("KINE knows no scheme %s", scheme),
			`Give it as "nats://host:port", and the certificate authority as tls.ca_file, which makes KINE use TLS.`
	case scheme == "jetstream":
		return nil, "the scheme jetstream only works in front of another URL, and ignores the embedded server's settings", form
	case scheme != "nats":
		return nil, secret.Sprintf("KINE knows no scheme %q", scheme), form
	case err != nil:
		return nil, err.Error(), form
	case strings.Contains(server, "%"):
		return nil, "KINE does not take a zone or encoded characters in a host", form
	case server != "nats://"+u.Host:
		return nil, "KINE ignores all but the host and port of a server's URL", form
	}
	return u, "", ""
}

func (e Endpoint) checkAuth() []*FieldError {
	const wayOut = "Put it into a credentials file or a context file on the node, and give credentials_file or context_file."
	var found []*FieldError
	add := func(field, problem, remedy string) {
		found = append(found, &FieldError{Field: field, Index: -1, Problem: problem, Remedy: remedy})
	}

	for _, part := range []struct{ field, name, value string }{
		{"User", "user", e.User}, {"Password", "password", e.Password}, {"Token", "token", e.Token},
	} {
		if !safeUserInfo(part.value) {
			add(part.field, fmt.Sprintf("the %s has characters that KINE sends in another form than they are written in, "+
				"so the server would refuse it; letters, digits and %s are safe", part.name, SafeUserInfo), wayOut)
		}
	}
	if e.Token == redactedUser {
		add("Token", "the token is what a redacted endpoint shows in place of one", "Give the token itself.")
	}
	switch {
	case e.User != "" && e.Password == "":
		add("Password", "KINE takes a user without a password for a token", "Give the password, or the token as token.")
	case e.User == "" && e.Password != "":
		add("User", "a password needs a user", "Give the user too.")
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
			add(field, "the endpoint has more than one way to authenticate, of which KINE or the server ignores one",
				"Give one of context_file, credentials_file, user with password, and token.")
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
		return secret.Sprintf("%q is relative to whatever directory k3s is started in", file)
	case invisible.Check(file) != nil:
		return fmt.Sprintf("the path cannot be used: %s", invisible.Check(file))
	}
	return ""
}

// checkVariable returns what is wrong with the path of a credentials file, in which the NATS client replaces variables of the
// environment (expandPath in nats.go). It does not do that with other files.
func checkVariable(file string) string {
	if strings.Contains(file, "$") {
		return secret.Sprintf("KINE takes the $ in %q for the beginning of a variable's name", file)
	}
	return ""
}

// URL returns the datastore endpoint. It contains the password or token. The first error of [Endpoint.Check], if any, is
// returned.
func (e Endpoint) URL() (string, error) {
	return e.build(e.Check(), url.UserPassword(e.User, e.Password), url.User(e.Token))
}

// LocalURL is URL for a KINE on this machine: the paths are this machine's, whatever they look like here, and may be relative to
// the directory that KINE runs in.
func (e Endpoint) LocalURL() (string, error) {
	return e.build(e.checkParts(), url.UserPassword(e.User, e.Password), url.User(e.Token))
}

// Redacted returns the datastore endpoint with the user, password or token replaced.
func (e Endpoint) Redacted() (string, error) {
	return e.build(e.Check(), url.User(redactedUser), url.User(redactedUser))
}

// build joins the parts, unless something wrong with them was found.
func (e Endpoint) build(found []*FieldError, password, token *url.Userinfo) (string, error) {
	if len(found) > 0 {
		return "", found[0]
	}
	params := url.Values{}
	params.Set("bucket", e.Spec.Name)
	params.Set("replicas", strconv.Itoa(e.Spec.Replicas))
	params.Set("revHistory", strconv.FormatInt(e.Spec.History, 10))
	// Builds of KINE with an embedded server would start one; others ignore it.
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

	// A space is %20 here, and not the + of a form, so that nobody has to wonder which character a + is.
	first := url.URL{Scheme: "nats", RawQuery: strings.ReplaceAll(params.Encode(), "+", "%20")}
	switch {
	case e.User != "":
		first.User = password
	case e.Token != "":
		first.User = token
	}
	// KINE reads the parameters and credentials of the first URL alone.
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
		urls[0] = "nats://?" + first.RawQuery // the form that KINE takes with a context file
	}
	return strings.Join(urls, ","), nil
}

// Environment returns the variables that k3s reads the endpoint from.
func (e Endpoint) Environment() (map[string]string, error) {
	return e.settings("K3S_DATASTORE_ENDPOINT", "K3S_DATASTORE_CAFILE", "K3S_DATASTORE_CERTFILE", "K3S_DATASTORE_KEYFILE")
}

// K3sConfig returns a fragment of k3s's config.yaml with the endpoint.
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
