package kine

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// redactedUser stands for a user, password or token that is not shown.
const redactedUser = "xxxxx"

// ParseEndpoint reads a datastore endpoint back into its parts. It takes what [Endpoint.URL] makes, and other URLs that
// KINE reads to the last detail; what KINE would ignore or misread is an error. A redacted user, password or token is
// left out. No error quotes a secret.
func ParseEndpoint(text string) (Endpoint, error) {
	e := Endpoint{Spec: Spec{Name: DefaultBucket, History: DefaultHistory, Replicas: DefaultReplicas}}
	for i, part := range strings.Split(text, ",") {
		u, err := url.Parse(part)
		if err != nil {
			return e, fmt.Errorf("URL %d of the endpoint cannot be read; special characters have to be percent-encoded", i+1)
		}
		switch {
		case u.Scheme != "nats":
			return e, fmt.Errorf("URL %d of the endpoint has the scheme %q: KINE takes nats alone", i+1, u.Scheme)
		case u.Path != "" || u.Fragment != "":
			return e, fmt.Errorf("URL %d of the endpoint has a path or a fragment, which KINE ignores", i+1)
		case i > 0 && (u.User != nil || u.RawQuery != ""):
			return e, fmt.Errorf("URL %d of the endpoint has credentials or parameters, which KINE only reads from the first", i+1)
		}
		if i == 0 {
			e.setUser(u.User)
			if err := e.setParams(u.RawQuery); err != nil {
				return e, err
			}
		}
		if u.Host != "" {
			e.Servers = append(e.Servers, "nats://"+u.Host)
		}
	}
	if found := e.Check(); len(found) > 0 {
		return e, found[0]
	}
	return e, nil
}

func (e *Endpoint) setUser(user *url.Userinfo) {
	if user == nil || user.Username() == redactedUser {
		return
	}
	if password, ok := user.Password(); ok {
		e.User, e.Password = user.Username(), password
	} else {
		e.Token = user.Username()
	}
}

func (e *Endpoint) setParams(query string) error {
	params, err := url.ParseQuery(query)
	if err != nil {
		return errors.New("the endpoint's parameters cannot be read")
	}
	for name, values := range params {
		value := values[0]
		if len(values) > 1 {
			return fmt.Errorf("the parameter %s is there %d times, of which KINE reads the first", name, len(values))
		}
		if value == "" && name != "noEmbed" {
			return fmt.Errorf("the parameter %s is empty, for which KINE takes its default", name)
		}
		switch name {
		case "bucket":
			e.Spec.Name = value
		case "replicas":
			e.Spec.Replicas, err = strconv.Atoi(value)
		case "revHistory":
			e.Spec.History, err = strconv.ParseInt(value, 10, 64)
		case "slowMethod":
			e.SlowMethod, err = time.ParseDuration(value)
		case "credsFile":
			e.CredentialsFile = value
		case "contextFile":
			e.ContextFile = value
		case "noEmbed":
		default:
			known := []string{"bucket", "replicas", "revHistory", "slowMethod", "credsFile", "contextFile", "noEmbed"}
			slices.Sort(known)
			return fmt.Errorf("the parameter %s is not one that a k3s endpoint with external servers has: %s", name,
				strings.Join(known, ", "))
		}
		if err != nil {
			return fmt.Errorf("the parameter %s cannot be read, for which KINE takes its default", name)
		}
	}
	return nil
}
