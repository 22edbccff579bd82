package engine

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/weirws/weir/codec"
)

// Socket is a connection in hand: for code that reads and writes where it
// stands, as with coder's or gorilla's packages, rather than in callbacks. It is
// of [Server.Accept] or [Client.DialSocket], and no Handler knows it; otherwise it
// is a connection like any other, on the same loops and with the same limits.
//
// Read and Reader may be called from any goroutine, one at a time, the other
// methods from any number. Pings are answered, and closing frames, whether
// somebody reads or not, unless so much has come that the socket is not read: 64
// KiB and one message.
type Socket struct {
	c    *Conn
	in   *intake
	got  Message // of a Read that did not come to its end
	open *messageReader
}

// Accept answers the opening handshake r that a net/http server received, by the
// Server's Options, and returns the connection. No Handler is asked, and no Path,
// which is the mux's business. If r is refused the answer has been given when
// Accept returns the *Refusal. It may be called from any goroutine, and does not
// block, unless CheckOrigin does.
//
// Over HTTP/2, where a connection ends with its http.Handler, that is to be
// wrapped by [Server.Accepting]; otherwise Accept refuses with 501.
func (s *Server) Accept(w http.ResponseWriter, r *http.Request) (*Socket, error) {
	c, err := s.acceptAs(w, r)
	if err != nil {
		return nil, fmt.Errorf("engine: accept: %w", err)
	}
	return newSocket(c), nil
}

// acceptAs is Accept by the version of HTTP.
func (s *Server) acceptAs(w http.ResponseWriter, r *http.Request) (*Conn, error) {
	if codec.IsConnect(r) {
		return s.acceptConnect(w, r)
	}
	return s.takeOver(w, r, s.sockets)
}

// DialSocket is Dial for a connection in hand.
func (cl *Client) DialSocket(ctx context.Context, rawURL string, o *DialOptions) (*Socket, error) {
	c, err := cl.dial(ctx, rawURL, o, cl.sockets)
	if err != nil {
		return nil, err
	}
	return newSocket(c), nil
}

func newSocket(c *Conn) *Socket { return &Socket{c: c, in: c.intake()} }

// Conn returns what the Socket stands on: its addresses, Value, State, RoundTrip,
// Context, topics to subscribe to, and sends that do not wait.
func (s *Socket) Conn() *Conn { return s.c }

// Read returns the next message, whose Data is the caller's, and blocks until it
// has come. A message of more than MaxMessageBytes closes the connection with
// 1009. When ctx ends Read returns its error, and the Socket is as it was: a
// later Read gets the message. After the end of the connection, and what came
// before it, Read returns the [*CloseError], which is [net.ErrClosed] too; with
// [ErrMemory] in it nothing that came before is left.
func (s *Socket) Read(ctx context.Context) (Message, error) {
	if err := s.skip(ctx); err != nil {
		return Message{}, err
	}
	limit := s.c.route.core.MaxMessageBytes
	for last := false; !last; {
		tooBig := false
		err := s.in.next(ctx, nil, func(p *part) int {
			if tooBig = limit > 0 && len(s.got.Data)+len(p.data) > limit; tooBig {
				return -1
			}
			last, s.got.Kind = p.last, p.kind
			s.got.Data = append(s.got.Data, p.data...)
			return len(p.data)
		})
		if err != nil {
			return Message{}, err
		}
		if tooBig {
			return Message{}, s.refuse(&CloseError{Code: StatusMessageTooBig, Reason: "message too big"})
		}
	}
	m := s.got
	s.got = Message{}
	return m, nil
}

// refuse closes the connection for what the peer sent.
func (s *Socket) refuse(end *CloseError) error {
	s.c.shut(end, frame)
	s.in.leave()
	s.got = Message{}
	return end
}

// skip takes what a Reader left of its message.
func (s *Socket) skip(ctx context.Context) error {
	for s.open != nil && !s.open.over {
		if err := s.open.read(ctx, func(p *part) int { return len(p.data) }); err != nil {
			return err
		}
	}
	s.open = nil
	return nil
}

// Reader returns the Kind of the next message and a Reader of it, however long
// it is: gorilla's NextReader. It blocks until the message has begun; ctx ends
// that, and each Read. What was not read of the message before is thrown away.
// While nobody reads the peer is held back. MaxMessageBytes bounds a message only
// if it is compressed: then it comes whole.
func (s *Socket) Reader(ctx context.Context) (Kind, io.Reader, error) {
	if err := s.skip(ctx); err != nil {
		return 0, nil, err
	}
	r := &messageReader{s: s, ctx: ctx, before: s.got.Data}
	kind := s.got.Kind
	s.got = Message{}
	if len(r.before) == 0 {
		if err := s.in.next(ctx, nil, func(p *part) int { kind = p.kind; return -1 }); err != nil {
			return 0, nil, err
		}
	}
	s.open = r
	return kind, r, nil
}

// messageReader reads one message of a Socket.
type messageReader struct {
	s      *Socket
	ctx    context.Context
	before []byte // what a Read that was ended had of it
	over   bool   // the last of it was read
}

// Read reads some of the message, and returns io.EOF at its end.
func (r *messageReader) Read(b []byte) (n int, err error) {
	if r.s.open != r {
		return 0, fmt.Errorf("engine: read of a message that is over: %w", io.ErrClosedPipe)
	}
	if len(r.before) > 0 {
		n = copy(b, r.before)
		r.before = r.before[n:]
		return n, nil
	}
	for n == 0 && len(b) > 0 && !r.over && err == nil {
		err = r.read(r.ctx, func(p *part) int { n = copy(b, p.data); return n })
	}
	if n == 0 && r.over {
		return 0, io.EOF
	}
	return n, err
}

// read uses some of the message.
func (r *messageReader) read(ctx context.Context, use func(p *part) int) error {
	return r.s.in.next(ctx, nil, func(p *part) int {
		n := use(p)
		r.over = p.last && n == len(p.data)
		return n
	})
}

// Write sends one message, which is copied, and blocks while more than 64 KiB wait
// for the socket, so that it is the peer's pace that counts. With an error nothing
// was sent: ctx's, or net.ErrClosed once the connection is closing.
func (s *Socket) Write(ctx context.Context, k Kind, data []byte) error {
	return s.c.sendInTurn(ctx, nil, k, data)
}

// Writer returns a [Writer] of one message, whose methods end with ctx. It does
// not block.
func (s *Socket) Writer(ctx context.Context, k Kind) *Writer { return s.c.newWriter(ctx, nil, k) }

// NetConn returns the connection as a net.Conn, which sends messages of Kind k. It
// reads what Read would, and goes on where Read has stopped; use one of them.
func (s *Socket) NetConn(k Kind) *Stream { return s.c.newStream(k) }

// CloseRead says that nothing more is to be read: a further message closes the
// connection with 1008; what came before is thrown away. It returns the
// connection's Context, and does not block.
func (s *Socket) CloseRead() context.Context {
	s.in.mu.Lock()
	s.in.deaf = true
	s.in.discard()
	s.in.mu.Unlock()
	return s.c.Context()
}

// Close is [Conn.Close]: it does not wait for the peer's answer. For that, wait
// for the end of the Context of Conn.
func (s *Socket) Close(code StatusCode, reason string) error { return s.c.Close(code, reason) }

// CloseNow is [Conn.CloseNow].
func (s *Socket) CloseNow() error { return s.c.CloseNow() }
