package secret

import (
	"net/url"
	"strings"
)

// URL replaces the credentials in a server's URL, so that it can be shown. What is not the URL of one server becomes a placeholder,
// since nobody can tell which part of it is secret.
func URL(server string) string {
	const unreadable = "(unreadable URL)"
	if what := What(server); what != "" && what != urlWithUser {
		return unreadable
	}
	if !strings.Contains(server, "://") {
		server = "nats://" + server
	}
	u, err := url.Parse(server)
	if err != nil {
		return unreadable
	}
	user := u.User
	u.User = nil
	text := u.String()
	if strings.Contains(text, "@") {
		return unreadable // credentials that are not percent-encoded, or a list of URLs
	}
	if user != nil {
		u.User = url.User("xxxxx")
	}
	return u.String()
}
