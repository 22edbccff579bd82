package gateway

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/weirws/weir/engine"
)

// listenOnly is the reason for closing a client that sends: at most 123 bytes.
const listenOnly = "this socket only listens: publish with POST /publish/{topic}"

// client is the Value of a connection to SocketPath.
type client struct {
	names  []string // what it asked for
	topics []*topic // what it holds, from open to close
}

// upgrade judges GET /ws?topic=a&topic=b.
func (g *Gateway) upgrade(r *engine.Request) (any, error) {
	query, err := url.ParseQuery(r.HTTP.URL.RawQuery)
	if err != nil {
		return nil, refusal(http.StatusBadRequest, "the query is malformed: "+err.Error())
	}
	names := slices.Clone(query["topic"])
	if len(names) == 0 {
		return nil, refusal(http.StatusBadRequest, "name at least one topic: /ws?topic=news")
	}
	slices.Sort(names)
	names = slices.Compact(names)
	if len(names) > maxTopics {
		return nil, refusal(http.StatusBadRequest, fmt.Sprintf("there are %d topics; %d are the most", len(names), maxTopics))
	}
	for _, name := range names {
		if err := checkTopic(name); err != nil {
			return nil, refusal(http.StatusBadRequest, err.Error())
		}
	}
	return &client{names: names}, nil
}

// open subscribes a client to what it asked for.
func (g *Gateway) open(c *engine.Conn) {
	cl := c.Value().(*client)
	g.counts.clients.Add(1)
	for _, name := range cl.names {
		t := g.topics.acquire(name)
		cl.topics = append(cl.topics, t)
		t.Subscribe(c)
	}
	cl.names = nil
}

// close gives back what open took.
func (g *Gateway) close(c *engine.Conn, _ error) {
	g.counts.clients.Add(-1)
	for _, t := range c.Value().(*client).topics {
		g.topics.release(t)
	}
}

// refuseMessage ends a client that sends: it would wait in vain for an effect.
func refuseMessage(c *engine.Conn, _ engine.Message) {
	_ = c.Close(engine.StatusPolicyViolation, listenOnly) // an error says that it is closed already
}

// refuseUnknown answers an upgrade on a path that has no WebSocket.
func refuseUnknown(r *engine.Request) (any, error) {
	return nil, refusal(http.StatusNotFound, "there is no WebSocket at "+r.HTTP.URL.Path+"; connect to /ws?topic=name")
}

// refusal is refuse for an upgrade.
func refusal(status int, sentence string) error {
	body, err := json.Marshal(problem{sentence})
	if err != nil {
		panic("gateway: a refusal that is no JSON: " + err.Error())
	}
	return &engine.Refusal{
		Status: status,
		Header: http.Header{"Content-Type": {"application/json"}},
		Body:   string(body) + "\n",
	}
}
