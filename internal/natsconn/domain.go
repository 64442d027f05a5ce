package natsconn

import "sync"

// ownDomain caches the JetStream domain of the connected server. It saves a request for each new stream, because the
// response to a creation does not contain the domain.
type ownDomain struct {
	mu     sync.Mutex
	server string // the ID of the server that reported the domain
	domain string
}

// LearnOwnDomain caches the JetStream domain from a response, unless this is the API of another domain than the
// connected server's.
func (js *JetStream) LearnOwnDomain(domain string) {
	if js.domain != "" {
		return
	}
	id := js.client.serverID()
	o := &js.client.own
	o.mu.Lock()
	defer o.mu.Unlock()
	o.server, o.domain = id, domain
}

// OwnDomain returns the JetStream domain of the connected server, empty if it has none. It makes no request: known is
// false unless [JetStream.LearnOwnDomain] was called for this server.
func (js *JetStream) OwnDomain() (domain string, known bool) {
	id := js.client.serverID()
	o := &js.client.own
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.domain, id != "" && o.server == id
}

// serverID returns the ID of the connected server, empty without a connection.
func (c *Client) serverID() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn == nil {
		return ""
	}
	return c.conn.ConnectedServerId()
}
