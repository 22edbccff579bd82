package engine

import (
	"fmt"

	"github.com/weirws/weir/codec"
)

// Prepared is a message that is encoded once and sent to many connections, or
// often. It may be used from any goroutine.
type Prepared struct {
	kind  Kind
	head  int
	frame []byte
	forms deflated
}

// Prepare encodes a message. data is copied. It is compressed when the first
// connection asks for that, once for each size of window, at the level of that
// connection. It may be called from any
// goroutine and does not block.
func Prepare(k Kind, data []byte) (*Prepared, error) {
	if !k.valid() {
		return nil, fmt.Errorf("engine: prepare: %v is neither Text nor Binary", k)
	}
	head := codec.HeaderLen(len(data), false)
	frame := make([]byte, 0, head+len(data))
	frame = codec.AppendHeader(frame, codec.OpCode(k), true, false, len(data), nil)
	return &Prepared{kind: k, head: head, frame: append(frame, data...)}, nil
}

func (p *Prepared) payload() []byte { return p.frame[p.head:] }

// form returns the compressed form that c is sent, nil if it is none.
func (p *Prepared) form(c *Conn) *form {
	co := c.route.core
	if c.route.agreement == 0 || !CompressAuto.wants(len(p.payload()), co) {
		return nil
	}
	return p.forms.get(co, c.route.agreement.ourBits(), p.kind, p.payload(), nil)
}
