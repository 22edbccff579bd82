package engine

import (
	"context"
	"fmt"
	"io"

	"github.com/weirws/weir/codec"
	"github.com/weirws/weir/pool"
)

// Writer sends one message in fragments, as it is produced: gorilla's
// NextWriter. Each Write is a fragment, or several if it is long; put a
// [bufio.Writer] before it to gather small ones. Close ends the message.
//
// Its methods block while more than 64 KiB wait for the socket, or while another
// message is being sent in fragments, so that it is its peer's pace that counts.
// An Inline callback must not call them: it is the loop that they wait for. They
// may be called from any goroutine, one at a time. They return net.ErrClosed
// once the connection is closing, and the error of the context if that ends.
//
// From the first Write to Close other messages to the connection wait, within
// MaxBacklogBytes: RFC 6455, 5.4, lets none come between. So a Writer must be
// closed.
type Writer struct {
	c     *Conn
	kind  Kind
	ctx   context.Context
	until *deadline
	begun bool
	ended bool
}

var _ io.WriteCloser = (*Writer)(nil)
var _ io.ReaderFrom = (*Writer)(nil)

// Writer returns a Writer of one message. It may be called from any goroutine
// and does not block.
func (c *Conn) Writer(k Kind) *Writer { return c.newWriter(context.Background(), nil, k) }

func (c *Conn) newWriter(ctx context.Context, until *deadline, k Kind) *Writer {
	return &Writer{c: c, kind: k, ctx: ctx, until: until}
}

// Write sends p, of which no copy is left when it returns. n < len(p) says how
// much of it was sent.
func (w *Writer) Write(p []byte) (n int, err error) {
	for n < len(p) {
		size := min(len(p)-n, fragmentBytes)
		if err := w.fragment(p[n:n+size], true); err != nil {
			return n, err
		}
		n += size
	}
	return n, nil
}

// Close ends the message; without a Write it was empty. A second Close returns
// an error. It has sent nothing if it returns ctx's error, and may be called
// again.
func (w *Writer) Close() error { return w.fragment(nil, false) }

// ReadFrom sends what r has, each Read a fragment, and does not end the message.
func (w *Writer) ReadFrom(r io.Reader) (n int64, err error) {
	buf := pool.Get(fragmentBytes)
	defer buf.Release()
	room := buf.B[:fragmentBytes]
	for {
		k, rerr := r.Read(room)
		if k > 0 {
			if err := w.fragment(room[:k], true); err != nil {
				return n, err
			}
			n += int64(k)
		}
		if rerr == io.EOF {
			return n, nil
		}
		if rerr != nil {
			return n, rerr
		}
	}
}

// fragment sends one frame when its turn has come.
func (w *Writer) fragment(p []byte, more bool) error {
	if !w.kind.valid() {
		return fmt.Errorf("engine: send: %v is neither Text nor Binary", w.kind)
	}
	if w.ended {
		return fmt.Errorf("engine: send: the message was ended: %w", io.ErrClosedPipe)
	}
	if err := w.c.awaitTurn(w.ctx, w.until, w); err != nil {
		return err
	}
	if _, err := w.c.commit(w.kind, p, nil, SendOptions{More: more, by: w}); err != nil {
		return err
	}
	w.begun, w.ended = true, !more
	return nil
}

// SendFrom sends what r has as one message, in fragments of up to 32 KiB as r
// gives them: a file, say, that is larger than memory should hold. It blocks
// while r does, and as [Writer] does, which also says who may call it. If r
// fails when some of the message is sent already nothing can take that back: c
// is closed with 1011. It returns r's error, or those of Writer.
func (c *Conn) SendFrom(k Kind, r io.Reader) error {
	w := c.Writer(k)
	if _, err := w.ReadFrom(r); err != nil {
		if w.begun {
			_ = c.Close(StatusInternalError, "message broken off") // it may be closing already
		}
		return err
	}
	return w.Close()
}

// holdSend keeps a message of Send until the Writer's is whole. mu is held, and
// released.
func (c *Conn) holdSend(k Kind, data []byte, o SendOptions) error {
	if c.state != Open {
		c.mu.Unlock()
		return errClosed
	}
	if o.More {
		c.mu.Unlock()
		return ErrBacklogFull // a fragment can't be held: more would have to follow it
	}
	p := post{head: codec.HeaderLen(len(data), false), kind: k, done: o.Done}
	p.encode(c.loop(), data, CompressNever)
	held := p.holdBack(c.loop(), c, c.manner())
	p.release()
	if !held {
		return ErrBacklogFull
	}
	return nil
}
