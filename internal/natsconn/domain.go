package natsconn

import "sync"

// ownDomain is the JetStream domain of the server that a client is connected to, as far as an answer has told it. It spares each of many new
// streams a request of its own: the answer to a creation does not name the domain.
type ownDomain struct {
	mu     sync.Mutex
	server string // the ID of the server that has told it
	domain string
}

// LearnOwnDomain keeps the JetStream domain that an answer has told, unless this is the API of another domain than the connected server's.
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

// OwnDomain returns the JetStream domain of the connected server, empty if it is in none. It makes no request: known is false unless an
// answer of this server has told it, see [JetStream.LearnOwnDomain].
func (js *JetStream) OwnDomain() (domain string, known bool) {
	id := js.client.serverID()
	o := &js.client.own
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.domain, id != "" && o.server == id
}

// serverID returns the ID of the connected server, empty if there is none.
func (c *Client) serverID() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn == nil {
		return ""
	}
	return c.conn.ConnectedServerId()
}
