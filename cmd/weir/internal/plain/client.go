package plain

import (
	"sync"
	"time"

	"github.com/weirws/weir/cmd/weir/internal/hub"
	"github.com/weirws/weir/cmd/weir/internal/token"
	"github.com/weirws/weir/engine"
)

// Client is the Value of a connection: what the gateway keeps of each.
//
//	136 bytes = asked 24 + names, topics 48 + lock, identity, conn 24
//	  + expires, said, tat 24 + due, slot, in 12 + form, strikes 2 + padding 2
type Client struct {
	asked   time.Time // of the upgrade
	names   []string  // what it asked for, until it is open
	form    hub.Form
	strikes uint8 // its messages that were refused; used by its loop alone

	// Guarded by the deadlines.
	due  uint32 // second in which something is to be done; 0: nothing
	slot int32  // place among those of that second

	in      uint32     // messages that it sent; guarded by mu
	mu      sync.Mutex // guards the following
	id      *token.Identity
	conn    *engine.Conn
	topics  []held
	expires int64 // second in which its token ends; 0: never
	said    int64 // second of its last message
	tat     int64 // ns since asked until which its messages are paid for
}

// held is a topic of a client, and what was published to it before.
type held struct {
	topic  *hub.Topic
	before uint64
}

// Info is what can be told of a client.
type Info struct {
	User        string
	Connected   time.Time
	Topics      []string
	MessagesIn  uint64
	MessagesOut uint64 // published to its topics since it subscribes
	LastMessage time.Time
	Enveloped   bool
}

// Info tells it.
func (cl *Client) Info() Info {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	i := Info{User: cl.id.User, Connected: cl.asked, MessagesIn: uint64(cl.in), Enveloped: cl.form == hub.Enveloped}
	if cl.said != 0 {
		i.LastMessage = time.Unix(cl.said, 0)
	}
	for _, h := range cl.topics {
		i.Topics = append(i.Topics, h.topic.Name())
		i.MessagesOut += h.topic.Published() - h.before
	}
	return i
}

// User is who it is.
func (cl *Client) User() string { return cl.identity().User }

func (cl *Client) identity() *token.Identity {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	return cl.id
}

// Active is when it sent something last, or came.
func (cl *Client) Active() time.Time {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	if cl.said != 0 {
		return time.Unix(cl.said, 0)
	}
	return cl.asked
}

// Subscribes reports whether the client has that topic.
func (cl *Client) Subscribes(name string) bool {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	return cl.holds(name) >= 0
}

// holds is the place of a topic among the client's, -1 if it has it not. mu is
// held.
func (cl *Client) holds(name string) int {
	for i, h := range cl.topics {
		if h.topic.Name() == name {
			return i
		}
	}
	return -1
}

// pay takes one message of a client that may send rate a second, and reports
// whether it may. fresh is true if it has been quiet for so long that nothing
// it did before counts.
func (cl *Client) pay(rate float64) (paid, fresh bool) {
	now := time.Now()
	cl.mu.Lock()
	defer cl.mu.Unlock()
	cl.in++
	cl.said = now.Unix()
	if rate <= 0 {
		return true, true
	}
	at, each := int64(now.Sub(cl.asked)), int64(float64(time.Second)/rate)
	bound := at + max(int64(burst), each)
	if fresh = cl.tat < at; fresh {
		cl.tat = at
	}
	if cl.tat > bound { // by a lower limits.client_rate, before a reload
		cl.tat = at
	}
	if cl.tat+each > bound {
		return false, fresh
	}
	cl.tat += each
	return true, fresh
}

// outgrows reports whether the client subscribes to what id does not allow, and
// to which topic.
func (cl *Client) outgrows(id *token.Identity) (topic string, ok bool) {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	for _, h := range cl.topics {
		if !id.MaySubscribe(h.topic.Name()) {
			return h.topic.Name(), true
		}
	}
	return "", false
}
