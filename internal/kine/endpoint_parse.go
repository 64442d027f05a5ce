package kine

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// redactedUser replaces a user, password or token that is not shown.
const redactedUser = "xxxxx"

// parameters are the parameters of a k3s endpoint with external servers.
var parameters = []string{"bucket", "contextFile", "credsFile", "noEmbed", "replicas", "revHistory", "slowMethod"}

// ParseEndpoint parses a datastore endpoint. It accepts the result of [Endpoint.URL] and other URLs that KINE reads
// completely; anything that KINE would ignore or misread is an error. A redacted user, password or token is omitted. No
// error quotes a secret, even if it is not percent-encoded and looks like another part of the URL.
func ParseEndpoint(text string) (Endpoint, error) {
	e := Endpoint{Spec: Spec{Name: DefaultBucket, History: DefaultHistory, Replicas: DefaultReplicas}}
	// All URLs are checked before any part is quoted: a password with a comma extends into the next URL.
	urls := make([]*url.URL, 0, 1)
	for i, part := range strings.Split(text, ",") {
		u, err := parseURL(part)
		if err == nil && i > 0 && (u.User != nil || u.RawQuery != "") {
			err = errors.New("has credentials or parameters, which KINE only reads from the first URL")
		}
		if err != nil {
			return e, fmt.Errorf("URL %d of the endpoint %w", i+1, err)
		}
		urls = append(urls, u)
		if u.Host != "" {
			e.Servers = append(e.Servers, "nats://"+u.Host)
		}
	}
	if err := e.setUser(urls[0].User); err != nil {
		return e, err
	}
	if err := e.setParams(urls[0].RawQuery); err != nil {
		return e, err
	}
	for i, u := range urls {
		if u.Host == "" && len(urls) > 1 && e.ContextFile == "" {
			return e, fmt.Errorf("URL %d of the endpoint has no host, so KINE would connect to its own machine", i+1)
		}
	}
	if found := e.Check(); len(found) > 0 {
		return e, found[0]
	}
	return e, nil
}

// parseURL parses one URL of an endpoint.
func parseURL(text string) (*url.URL, error) {
	// KINE selects its driver by the scheme of the first URL, which must be in lower case.
	rest, ok := strings.CutPrefix(text, "nats://")
	if !ok {
		return nil, errors.New("does not begin with nats://, the only scheme that KINE takes")
	}
	if end := strings.IndexAny(rest, "/?#"); end >= 0 && strings.Contains(rest[end:], "@") {
		return nil, errors.New("has an @ that does not end its credentials; any other @ and special characters in a " +
			"password must be percent-encoded")
	}
	u, err := url.Parse(text)
	if err != nil {
		return nil, errors.New("cannot be parsed; special characters must be percent-encoded")
	}
	switch {
	case u.Path != "" || u.Fragment != "":
		return nil, errors.New("has a path or a fragment, which KINE ignores")
	case strings.Contains(u.Host, "%"):
		return nil, errors.New("has a host with a zone, which KINE does not support")
	}
	return u, nil
}

func (e *Endpoint) setUser(user *url.Userinfo) error {
	if user == nil {
		return nil
	}
	password, ok := user.Password()
	switch {
	case user.Username() == "":
		return errors.New("the endpoint has an @ without a user or token before it")
	case ok:
		e.User, e.Password = user.Username(), password
	case user.Username() != redactedUser:
		e.Token = user.Username()
	}
	return nil
}

func (e *Endpoint) setParams(query string) error {
	if strings.Contains(query, "+") {
		return errors.New("the endpoint's parameters contain a +, which KINE reads as a space: use %2B or %20")
	}
	params, err := url.ParseQuery(query)
	if err != nil {
		return errors.New("the endpoint's parameters cannot be parsed")
	}
	for _, name := range slices.Sorted(maps.Keys(params)) {
		values := params[name]
		value := values[0]
		switch {
		case !slices.Contains(parameters, name):
			return fmt.Errorf("the endpoint has a parameter %s: KINE ignores it, or it makes KINE start an embedded server. "+
				"The parameters of an endpoint with external servers are %s", name, strings.Join(parameters, ", "))
		case len(values) > 1:
			return fmt.Errorf("the parameter %s is set %d times, but KINE reads only the first", name, len(values))
		case name == "noEmbed" && value != "" && value != "true":
			return errors.New("KINE treats noEmbed as true, whatever its value is")
		case name != "noEmbed" && value == "":
			return fmt.Errorf("the parameter %s is empty, so KINE would use its default", name)
		}
		if err := e.setParam(name, value); err != nil {
			return err
		}
	}
	return nil
}

// setParam sets one parameter. KINE uses its default for a number that it cannot parse; here such a number is an error.
func (e *Endpoint) setParam(name, value string) error {
	var err error
	switch name {
	case "bucket":
		e.Spec.Name = value
	case "replicas":
		var n uint64
		n, err = strconv.ParseUint(value, 10, 8)
		e.Spec.Replicas = int(n)
	case "revHistory":
		var n uint64
		n, err = strconv.ParseUint(value, 10, 8)
		e.Spec.History = int64(n)
	case "slowMethod":
		if e.SlowMethod, err = time.ParseDuration(value); err == nil && e.SlowMethod <= 0 {
			return errors.New("the parameter slowMethod is not positive: KINE would log every call as slow")
		}
		if err != nil {
			return errors.New("the parameter slowMethod is not a duration such as 500ms, so KINE refuses it")
		}
	case "credsFile":
		e.CredentialsFile = value
	case "contextFile":
		e.ContextFile = value
	}
	if err != nil {
		return fmt.Errorf("the parameter %s is not a number that KINE can parse, so KINE would use its default", name)
	}
	return nil
}
