package secret

import (
	"net/url"
	"strings"
)

// URL masks the credentials in a server's URL so that it can be shown. Anything that is not the URL of one server
// becomes a placeholder because it may contain a secret.
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
