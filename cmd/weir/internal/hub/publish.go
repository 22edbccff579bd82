package hub

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"github.com/weirws/weir/engine"
)

// Message is one publication. Publish keeps nothing of it.
type Message struct {
	Topic string
	Event string // what happened, in a word; may be empty
	Key   string // which messages replace each other, where they are conflated; may be empty
	Kind  engine.Kind
	Data  []byte
	// JSON is true if Data is known to be JSON: then it is part of an envelope
	// as it is, and not as a string.
	JSON bool
	// Except is the ID of a connection that does not get the message; 0: none.
	Except uint64
	// From is the connection that published it, 0 for the HTTP API.
	From uint64
}

// Receipt is what a publisher is told.
type Receipt struct {
	// ID is the message's: it is unique, and of two messages the later one has
	// the greater number behind the dash, as long as weir runs.
	ID string `json:"id"`
	// Receivers is the number of subscribers that the message was queued for.
	Receivers int `json:"receivers_local"`
}

// Publish queues a message for all that subscribe to its topic. The error is
// ErrBusy, and then nobody gets it.
func (h *Hub) Publish(m *Message) (Receipt, error) {
	start := time.Now()
	if h.owed() > maxOwed {
		h.busy.Add(1)
		return Receipt{}, ErrBusy
	}
	var id [32]byte
	r := Receipt{ID: string(h.appendID(id[:0]))}
	taken := time.Now()
	t := h.Find(m.Topic)
	if t != nil {
		var ok bool
		if r.Receivers, ok = t.publish(h, m, r.ID); !ok {
			h.busy.Add(1)
			return Receipt{}, ErrBusy
		}
	}
	h.accept.Add(taken.Sub(start))
	h.fanout.Add(time.Since(taken))
	h.published.Add(1)
	h.delivered.Add(uint64(r.Receivers))
	h.tell(m, &r, taken)
	return r, nil
}

func (h *Hub) appendID(b []byte) []byte {
	b = append(append(b, h.epoch...), '-')
	return strconv.AppendUint(b, h.seq.Add(1), 10)
}

// publish queues m in each form that somebody subscribes to. It is for all or
// nobody of the first of them; who misses it in the second counts as one whose
// message was dropped.
func (t *Topic) publish(h *Hub, m *Message, id string) (queued int, ok bool) {
	o := engine.PublishOptions{Key: m.Key}
	if o.Key == "" && t.class.Load().ConflateKey == "event" {
		o.Key = m.Event
	}
	if m.Except != 0 {
		o.Except = h.Conn(m.Except)
	}
	raw, enveloped := t.form[Raw].Load(), t.form[Enveloped].Load()
	taken := false
	if raw != nil && raw.Len() > 0 {
		if queued, taken = raw.TryPublish(m.Kind, m.Data, o); !taken {
			return 0, false
		}
	}
	if enveloped != nil && enveloped.Len() > 0 {
		data := appendEnvelope(nil, m, id)
		if taken {
			queued += enveloped.PublishWith(engine.Text, data, o)
		} else if queued, taken = enveloped.TryPublish(engine.Text, data, o); !taken {
			return 0, false
		}
	}
	t.published.Add(1)
	return queued, true
}

// Fill takes the payload of a message that is written in JSON: data, which is a
// string or any other value, or base64 for a binary one.
func (m *Message) Fill(data json.RawMessage, inBase64 *string) error {
	switch {
	case inBase64 != nil && data != nil:
		return errors.New("there are both data and base64")
	case inBase64 != nil:
		b, err := base64.StdEncoding.DecodeString(*inBase64)
		if err != nil {
			return errors.New("base64 is not standard base64")
		}
		m.Kind, m.Data = engine.Binary, b
		return nil
	case data == nil:
		return errors.New("there is neither data nor base64")
	}
	m.Kind, m.Data, m.JSON = engine.Text, data, true
	if data[0] != '"' {
		return nil
	}
	var s string
	if err := json.Unmarshal(data, &s); err != nil {
		return err
	}
	m.Data, m.JSON = []byte(s), false
	return nil
}
