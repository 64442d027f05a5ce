package natslab

import (
	"strings"
	"sync"
)

// Interruption is what happens to a request that a test interrupts.
type Interruption int

// The interruptions: the request never reaches the server, or the server carries it out and its answer is lost.
const (
	LoseRequest Interruption = iota
	LoseReply
)

func (i Interruption) String() string {
	if i == LoseReply {
		return "answer lost"
	}
	return "request lost"
}

// Step holds the n-th request that clients send through any of some proxies: a JetStream API request, or a publish to a
// bucket that expects an answer.
type Step struct {
	mu    sync.Mutex
	seen  int
	holds []*Hold
	held  chan *Hold
}

// HoldStep holds the n-th request from now on through the proxies, counted from 1, or its answer.
func HoldStep(n int, what Interruption, proxies ...*Proxy) *Step {
	s := &Step{held: make(chan *Hold, len(proxies))}
	match := func(subject string) bool {
		if !isJetStreamAPI(subject) && !strings.HasPrefix(subject, "$KV.") {
			return false
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.seen++
		return s.seen == n
	}
	for _, p := range proxies {
		s.holds = append(s.holds, p.hold(1, match, what == LoseReply))
	}
	for _, h := range s.holds {
		go func() {
			select {
			case <-h.Held():
				s.held <- h
			case <-h.over:
			}
		}()
	}
	return s
}

// Held returns a channel that receives the hold of the request once it is held.
func (s *Step) Held() <-chan *Hold { return s.held }

// End ends all holds and returns the number of requests seen, the held one included.
func (s *Step) End() int {
	for _, h := range s.holds {
		h.Drop()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen
}
