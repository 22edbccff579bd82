package engine

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Kind says whether a message is text or binary: RFC 6455, 5.6.
type Kind uint8

const (
	// Text is UTF-8; what is received was checked.
	Text Kind = 1
	// Binary is bytes without further meaning.
	Binary Kind = 2
)

// String returns "text" or "binary".
func (k Kind) String() string {
	switch k {
	case Text:
		return "text"
	case Binary:
		return "binary"
	}
	return fmt.Sprintf("Kind(%d)", uint8(k))
}

func (k Kind) valid() bool { return k == Text || k == Binary }

// Message is one received message. Data is lent: it is valid, and may be
// written to, until the callback returns.
type Message struct {
	Kind Kind
	Data []byte
}

// Clone returns a Message whose Data is a copy that the caller owns.
func (m Message) Clone() Message {
	return Message{Kind: m.Kind, Data: bytes.Clone(m.Data)}
}

// String returns Data as a string, a copy.
func (m Message) String() string { return string(m.Data) }

// JSON decodes Data into v. It keeps nothing of Data.
func (m Message) JSON(v any) error {
	if err := json.Unmarshal(m.Data, v); err != nil {
		return fmt.Errorf("engine: message: %w", err)
	}
	return nil
}

// Fragment is a piece of a message, cut anywhere: text too, within a character
// perhaps, and not as the peer has cut it into frames. Data is lent like a
// Message's, and may be empty if it is the Last.
type Fragment struct {
	Kind Kind
	Last bool // none of the message follows
	Data []byte
}

// Handler is what a program does with its connections. Nil fields are skipped.
//
// The callbacks of one Conn run in order, one at a time; those of different
// Conns run concurrently. They run on workers and may block, except that with
// [Options.Inline] all but Upgrade run on the event loop and must not. A panic
// closes its Conn with 1011 and is logged; it hurts no other Conn.
type Handler struct {
	// Upgrade judges an opening handshake before it is answered. What it
	// returns becomes the Conn's Value. It may block, up to MaxUpgradeTime:
	// it runs on a worker of its own kind. It may choose the subprotocol and
	// add headers through r, or refuse by returning an error: a [*Refusal]
	// picks the HTTP status, any other error is a 403 and is logged.
	Upgrade func(r *Request) (value any, err error)

	// Abandon gets what Upgrade returned for a handshake that it granted and
	// that comes to nothing: the peer has gone or waited for too long, or there
	// is no room. What Upgrade took is given back here, or else in Close. It may
	// run on any goroutine, event loops included: it must not block, and one that
	// calls runtime.Goexit may end a loop.
	Abandon func(value any)

	// Open is the first callback of every Conn that was upgraded.
	Open func(c *Conn)

	// Message gets every whole message, in the order of arrival.
	Message func(c *Conn, m Message)

	// Fragment, if not nil, gets messages in place of Message, in pieces as they
	// come, for those that are larger than memory should hold. None of a message
	// is kept, so MaxMessageBytes and MaxFragments don't bound it, except one that
	// is compressed, which comes whole; MaxMessageIdle does. While the callback
	// runs the peer is held back as it is for Message.
	Fragment func(c *Conn, f Fragment)

	// Ping and Pong get the peer's control frames. The pong that answers a
	// ping is sent already, except with ManualPong. The payload is lent like a Message's.
	Ping func(c *Conn, payload []byte)
	Pong func(c *Conn, payload []byte)

	// Drain says that a backlog which had reached half of MaxBacklogBytes, or
	// had refused a message, is below that half again: sending may go on.
	Drain func(c *Conn)

	// Drop gets a message of ours that [Options.Overflow] refused or threw
	// out. Its Data is lent. While 16 MiB of such messages, or many callbacks,
	// wait, further ones are only counted in Metrics.
	Drop func(c *Conn, m Message)

	// Close is the last callback of every Conn that was opened, called exactly
	// once. err is a [*CloseError].
	Close func(c *Conn, err error)
}
