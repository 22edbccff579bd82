package plain

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/weirws/weir/cmd/weir/internal/hub"
	"github.com/weirws/weir/cmd/weir/internal/token"
	"github.com/weirws/weir/engine"
)

// listenOnly is the reason for closing a client that sends and may publish
// nothing: it would wait in vain for an effect.
const listenOnly = "this socket only listens: publish with POST /publish/{topic}"

// request is what a client of the form Enveloped sends.
type request struct {
	Type   string          `json:"type"`
	Ref    json.RawMessage `json:"ref"`
	Topic  string          `json:"topic"`
	Event  string          `json:"event"`
	Key    string          `json:"conflate_key"`
	Data   json.RawMessage `json:"data"`
	Base64 *string         `json:"base64"`
	Token  string          `json:"token"`
}

// welcome is the first that a client of the form Enveloped gets.
type welcome struct {
	Type   string   `json:"type"`
	Conn   uint64   `json:"conn"`
	User   string   `json:"user,omitempty"`
	Topics []string `json:"topics"`
}

// ack says that a request was done.
type ack struct {
	Type      string          `json:"type"`
	Ref       json.RawMessage `json:"ref"`
	ID        string          `json:"id,omitempty"`
	Receivers *int            `json:"receivers_local,omitempty"`
}

// failure says why something was not done.
type failure struct {
	Type  string          `json:"type"`
	Ref   json.RawMessage `json:"ref,omitempty"`
	Code  string          `json:"code"`
	Error string          `json:"error"`
}

// expired says that the token has ended.
type expired struct {
	Type    string `json:"type"`
	GraceMS int64  `json:"grace_ms"`
}

// sendEnvelope sends v. A client that does not take it is the business of its
// backlog.
func sendEnvelope(c *engine.Conn, v any) { _ = c.SendJSON(v) }

// wrong is why a request is not done: a word for programs, and a sentence.
type wrong struct{ code, sentence string }

// busy is the code of what may succeed a moment later.
const busy = "busy"

func wrongf(code, format string, args ...any) *wrong {
	return &wrong{code, fmt.Sprintf(format, args...)}
}

// message takes what a client sends.
func (p *Protocol) message(c *engine.Conn, m engine.Message) {
	cl := c.Value().(*Client)
	rate := float64(p.settings.Load().Config.Limits.ClientRate)
	paid, fresh := cl.pay(rate)
	if fresh {
		cl.strikes = 0
	}
	var err *wrong
	var r request
	switch {
	case !paid:
		err = wrongf("too_fast", "more than %g messages a second (limits.client_rate)", rate)
	case cl.form == hub.Raw && len(cl.identity().Publish) == 0:
		p.part(c, engine.StatusPolicyViolation, listenOnly)
		return
	case cl.form == hub.Raw:
		err = p.publishRaw(c, cl, m)
	case m.Kind == engine.Binary:
		p.part(c, engine.StatusUnsupportedData, "with envelope=json messages are text")
		return
	case json.Unmarshal(m.Data, &r) != nil:
		p.part(c, engine.StatusInvalidPayload, "with envelope=json messages are JSON objects")
		return
	default:
		err = p.do(c, cl, &r)
	}
	switch {
	case err == nil:
	case err.code == busy: // which is not its fault
		p.fail(c, cl, r.Ref, err)
	default:
		p.strike(c, cl, r.Ref, err)
	}
}

// fail tells a client what was not done.
func (p *Protocol) fail(c *engine.Conn, cl *Client, ref json.RawMessage, err *wrong) {
	p.show(c, cl, err)
	sendEnvelope(c, failure{Type: "error", Ref: ref, Code: err.code, Error: err.sentence})
}

// strike tells a client what it did wrong, and ends one that does not listen.
func (p *Protocol) strike(c *engine.Conn, cl *Client, ref json.RawMessage, err *wrong) {
	if cl.strikes++; cl.strikes < maxStrikes {
		p.fail(c, cl, ref, err)
		return
	}
	p.show(c, cl, err)
	p.part(c, engine.StatusPolicyViolation, err.sentence)
}

// show shows those who watch what was not done.
func (p *Protocol) show(c *engine.Conn, cl *Client, err *wrong) {
	if p.hub.Watched() {
		p.hub.Tell(&hub.Event{What: "error", Conn: c.ID(), User: cl.User(), Detail: err.code + ": " + err.sentence})
	}
}

// part closes a client. What of the reason does not fit is cut off.
func (p *Protocol) part(c *engine.Conn, code engine.StatusCode, reason string) {
	if len(reason) > maxReasonBytes {
		reason = reason[:maxReasonBytes]
		for !utf8.ValidString(reason) {
			reason = reason[:len(reason)-1]
		}
	}
	_ = c.Close(code, reason) // an error says that it is closed already
}

// publishRaw publishes a message as it is, to the one topic of its client.
func (p *Protocol) publishRaw(c *engine.Conn, cl *Client, m engine.Message) *wrong {
	cl.mu.Lock()
	several, name := len(cl.topics) != 1, ""
	if !several {
		name = cl.topics[0].topic.Name()
	}
	cl.mu.Unlock()
	if several {
		return wrongf("ambiguous", "with several topics use envelope=json, to say which")
	}
	_, err := p.publish(c, cl, &hub.Message{Topic: name, Kind: m.Kind, Data: m.Data})
	return err
}

// publish publishes for a client, to all but itself.
func (p *Protocol) publish(c *engine.Conn, cl *Client, m *hub.Message) (hub.Receipt, *wrong) {
	if !cl.identity().MayPublish(m.Topic) {
		return hub.Receipt{}, wrongf("forbidden", "you may not publish to %s", m.Topic)
	}
	m.Except, m.From = c.ID(), c.ID()
	r, err := p.hub.Publish(m)
	if err != nil {
		return r, wrongf(busy, "%v", err)
	}
	return r, nil
}

// do does what a client of the form Enveloped asks for.
func (p *Protocol) do(c *engine.Conn, cl *Client, r *request) *wrong {
	switch r.Type {
	case "publish":
		return p.doPublish(c, cl, r)
	case "subscribe":
		return p.subscribe(c, cl, r)
	case "unsubscribe":
		return p.unsubscribe(c, cl, r)
	case "refresh":
		return p.refresh(c, cl, r)
	}
	return wrongf("unknown_type", "there is no type %.40q; there are publish, subscribe, unsubscribe and refresh", r.Type)
}

func (p *Protocol) doPublish(c *engine.Conn, cl *Client, r *request) *wrong {
	m := &hub.Message{Topic: r.Topic, Event: r.Event, Key: r.Key}
	if err := errors.Join(hub.CheckTopic(r.Topic), hub.CheckEvent(r.Event), hub.CheckKey(r.Key)); err != nil {
		return wrongf("bad_request", "%v", err)
	}
	if err := m.Fill(r.Data, r.Base64); err != nil {
		return wrongf("bad_request", "%v", err)
	}
	receipt, err := p.publish(c, cl, m)
	if err == nil && r.Ref != nil {
		sendEnvelope(c, ack{Type: "ack", Ref: r.Ref, ID: receipt.ID, Receivers: &receipt.Receivers})
	}
	return err
}

// subscribe adds a topic to a client's.
func (p *Protocol) subscribe(c *engine.Conn, cl *Client, r *request) *wrong {
	if err := hub.CheckTopic(r.Topic); err != nil {
		return wrongf("bad_request", "%v", err)
	}
	if !cl.identity().MaySubscribe(r.Topic) {
		return wrongf("forbidden", "you may not subscribe to %s", r.Topic)
	}
	most := p.settings.Load().Config.Limits.MaxTopicsPerConn
	cl.mu.Lock()
	n, there := len(cl.topics), cl.holds(r.Topic) >= 0
	cl.mu.Unlock()
	switch {
	case there: // a client that lost the answer asks again
	case n >= most:
		return wrongf("too_many_topics", "%d topics are the most (limits.max_topics_per_conn)", most)
	default:
		h := p.hold(c, r.Topic, cl.form)
		cl.mu.Lock()
		cl.topics = append(cl.topics, h)
		cl.mu.Unlock()
	}
	p.changed(c, cl, r)
	return nil
}

// unsubscribe takes a topic from a client's.
func (p *Protocol) unsubscribe(c *engine.Conn, cl *Client, r *request) *wrong {
	cl.mu.Lock()
	at := cl.holds(r.Topic)
	if at < 0 {
		cl.mu.Unlock()
		return wrongf("bad_request", "you don't subscribe to %.200q", r.Topic)
	}
	t := cl.topics[at].topic
	cl.topics = slices.Delete(cl.topics, at, at+1)
	cl.mu.Unlock()
	p.hub.Unsubscribe(c, t)
	p.changed(c, cl, r)
	return nil
}

// changed tells of a subscription that came or went.
func (p *Protocol) changed(c *engine.Conn, cl *Client, r *request) {
	if r.Ref != nil {
		sendEnvelope(c, ack{Type: "ack", Ref: r.Ref})
	}
	if p.hub.Watched() {
		p.hub.Tell(&hub.Event{What: r.Type, Topic: r.Topic, Conn: c.ID(), User: cl.User()})
	}
}

// refresh gives a client a new token. It is judged on a goroutine of its own,
// as that may take the fetching of a key.
func (p *Protocol) refresh(c *engine.Conn, cl *Client, r *request) *wrong {
	s := p.settings.Load()
	if s.Verify == nil {
		return wrongf("unauthorized", "there are no tokens here")
	}
	if r.Token == "" || len(r.Token) > maxTokenBytes {
		return wrongf("bad_request", "a token has from 1 to %d bytes", maxTokenBytes)
	}
	select {
	case p.refreshes <- struct{}{}:
	default:
		return wrongf(busy, "many tokens are judged now; try again in a second")
	}
	p.running.Add(1)
	go func() { // ends by refreshTime; Close waits
		defer p.running.Done()
		defer func() { <-p.refreshes }()
		ctx, cancel := context.WithTimeout(p.ctx, refreshTime)
		defer cancel()
		id, err := s.Verify(ctx, r.Token)
		_ = c.Do(func() { p.refreshed(c, cl, r, id, err) }) // an error says that it is closed
	}()
	return nil
}

// refreshed is called in turn with the client's callbacks, with the judgement.
func (p *Protocol) refreshed(c *engine.Conn, cl *Client, r *request, id *token.Identity, err error) {
	if err != nil {
		p.strike(c, cl, r.Ref, wrongf("unauthorized", "the token is not accepted: %v", err))
		return
	}
	if id.User != cl.User() {
		p.strike(c, cl, r.Ref, wrongf("unauthorized", "the token is of another user"))
		return
	}
	if name, ok := cl.outgrows(id); ok {
		p.strike(c, cl, r.Ref, wrongf("forbidden", "the token does not allow %q, which you subscribe to", name))
		return
	}
	cl.mu.Lock()
	cl.id, cl.expires = id, 0
	if !id.Expires.IsZero() {
		cl.expires = id.Expires.Unix()
	}
	cl.mu.Unlock()
	p.deadline.set(cl, p.firstDeadline(cl))
	if r.Ref != nil {
		sendEnvelope(c, ack{Type: "ack", Ref: r.Ref})
	}
}
