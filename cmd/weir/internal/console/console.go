// Package console is the client behind weir connect: lines in, messages out,
// by hand or in a pipe.
package console

import (
	"context"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/weirws/weir/cmd/weir/internal/problem"
	"github.com/weirws/weir/cmd/weir/internal/prompt"
	"github.com/weirws/weir/engine"
)

const (
	// maxMessageBytes bounds a message that is received.
	maxMessageBytes = 64 << 20
	// maxLineBytes bounds a line of the input.
	maxLineBytes = 16 << 20
)

// Options say what to connect to and how to behave there.
type Options struct {
	URL          string        // ws://host:port/path, or wss://
	TLS          *tls.Config   // for wss://; nil: the system's authorities are trusted
	Header       http.Header   // added to the request
	Subprotocols []string      // offered to the server
	Ping         time.Duration // between pings; 0: none
	Binary       bool          // lines are sent as binary messages, and those are shown as they are
	Hex          bool          // lines are hexadecimal digits of binary messages, and those are shown so
	// Wait is how long the server may be silent after the end of the input
	// before the connection is closed; negative: for ever. At a keyboard it is
	// closed at once.
	Wait time.Duration
	// Count is how many messages are shown before the connection is closed; 0: any
	// number.
	Count int
	// Counted says which messages Count is about; nil: all.
	Counted func(engine.Message) bool
	// Bare shows messages without a mark before them, and nothing else that went
	// well.
	Bare bool

	In       io.Reader // lines
	Out      io.Writer // messages
	Notes    io.Writer // all else that is to be said
	Keyboard bool      // In is a terminal's
	Screen   bool      // Out is a terminal
	Colour   bool      // Out is one that shows colours
	// Raw is not nil if In and Out are a terminal in raw mode. Its Restore is
	// called before the connection is closed, so that Ctrl-C works meanwhile.
	Raw *Raw
}

// Raw is what a terminal in raw mode is asked for.
type Raw struct {
	Columns func() int // its width at present
	Restore func()     // leaves raw mode
}

// Console is one connection. It is Run's.
type Console struct {
	Options
	show    *show
	conn    *engine.Conn
	drained chan struct{}           // a full backlog is down to half
	ended   chan *engine.CloseError // how it ended, once
	shown   atomic.Int64            // messages
	enough  chan struct{}           // Count of them were shown
	heard   atomic.Int64            // when the last message came, in nanoseconds since 1970
}

// Run connects, sends the lines of the input and shows what comes, until the
// input ends, the server closes, or ctx ends. The error is a
// [problem.Problem], or nil if the connection was ended properly.
func Run(ctx context.Context, o Options) error {
	c := &Console{
		Options: o,
		drained: make(chan struct{}, 1),
		enough:  make(chan struct{}, 1),
		ended:   make(chan *engine.CloseError, 1),
	}
	c.show = newShow(o)
	client, err := engine.NewClient(engine.Handler{
		Message: c.message,
		Drain:   func(*engine.Conn) { signal(c.drained) },
		Close:   c.closed,
	}, &engine.Options{
		Loops:           1,
		MaxMessageBytes: maxMessageBytes,
		Overflow:        engine.DropNewest, // send waits, and tries again
	})
	if err != nil {
		return problem.Failure(err, "cannot start: "+err.Error(), "")
	}
	defer client.Close()
	c.conn, err = client.Dial(ctx, o.URL, &engine.DialOptions{Header: o.Header, Subprotocols: o.Subprotocols, TLS: o.TLS})
	if err != nil {
		return explainDial(ctx, err, o.URL)
	}
	if c.Screen && !c.Bare {
		c.show.note("connected to " + o.URL + withSubprotocol(c.conn.Subprotocol()) + c.unverified() + c.hint())
	}
	return c.talk(ctx)
}

func withSubprotocol(p string) string {
	if p == "" {
		return ""
	}
	return " (subprotocol " + p + ")"
}

// unverified says so of a certificate.
func (c *Console) unverified() string {
	if c.TLS != nil && c.TLS.InsecureSkipVerify {
		return "; nobody verified its certificate"
	}
	return ""
}

func (c *Console) hint() string {
	if c.Keyboard {
		return "; Ctrl-C closes"
	}
	return ""
}

// signal leaves a token in ch.
func signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default: // one is there already
	}
}

func (c *Console) message(_ *engine.Conn, m engine.Message) {
	n := c.shown.Load()
	counted := c.Counted == nil || c.Counted(m)
	if c.Count > 0 && n >= int64(c.Count) {
		return // it came before the close
	}
	if counted {
		n = c.shown.Add(1)
	}
	c.show.received(m)
	if counted && n == int64(c.Count) {
		signal(c.enough)
	}
	c.heard.Store(time.Now().UnixNano())
}

func (c *Console) closed(_ *engine.Conn, err error) {
	var end *engine.CloseError
	errors.As(err, &end)
	c.ended <- end
}

// talk is the conversation.
func (c *Console) talk(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if c.Ping > 0 {
		go c.pings(ctx) // ends with ctx, and when the connection does
	}
	lines := c.read(ctx)
	defer c.show.close()
	for {
		select {
		case <-ctx.Done():
			return c.leave()
		case end := <-c.ended:
			return c.judge(end)
		case <-c.enough:
			return c.leave()
		case l := <-lines:
			switch {
			case l.err == io.EOF && !c.Keyboard:
				return c.linger(ctx)
			case l.err == io.EOF, errors.Is(l.err, prompt.ErrInterrupted):
				return c.leave()
			case l.err != nil:
				_ = c.leave() // the error that matters is l's
				return l.err
			}
			if end, err := c.send(ctx, l.text); end != nil || err != nil {
				return c.sendFailed(end, err)
			}
		}
	}
}

// send sends one line; while too much waits for the socket, so does send. It
// returns how the connection ended if it did meanwhile.
func (c *Console) send(ctx context.Context, text string) (*engine.CloseError, error) {
	kind, data, err := c.encode(text)
	if err != nil {
		if c.Keyboard {
			c.show.note(err.Error())
			return nil, nil
		}
		return nil, problem.Failure(nil, err.Error(), "")
	}
	c.show.sent(text) // before the answer can be
	for {
		switch err := c.conn.Send(kind, data); {
		case err == nil:
			return nil, nil
		case !errors.Is(err, engine.ErrBacklogFull):
			return <-c.ended, nil
		}
		select {
		case <-c.drained:
		case end := <-c.ended:
			return end, nil
		case <-ctx.Done():
			return nil, nil // talk sees it as well
		}
	}
}

// sendFailed ends the conversation: either end or err is there.
func (c *Console) sendFailed(end *engine.CloseError, err error) error {
	if end != nil {
		return c.judge(end)
	}
	_ = c.leave() // the error that matters is err
	return err
}

// encode makes the message that a line stands for.
func (c *Console) encode(text string) (engine.Kind, []byte, error) {
	switch {
	case c.Hex:
		b, err := hex.DecodeString(strings.Join(strings.Fields(text), ""))
		if err != nil {
			return 0, nil, fmt.Errorf("not sent: %q is not pairs of hexadecimal digits", text)
		}
		return engine.Binary, b, nil
	case c.Binary:
		return engine.Binary, []byte(text), nil
	case !utf8.ValidString(text):
		return 0, nil, fmt.Errorf("not sent: %q is not UTF-8, and a text message must be; --binary sends it as bytes", text)
	}
	return engine.Text, []byte(text), nil
}

// linger waits for answers after the end of the input.
func (c *Console) linger(ctx context.Context) error {
	if c.Wait < 0 {
		select {
		case <-ctx.Done():
			return c.leave()
		case end := <-c.ended:
			return c.judge(end)
		}
	}
	since := time.Now()
	for left := c.Wait; left > 0; {
		timer := time.NewTimer(left)
		select {
		case <-ctx.Done():
			timer.Stop()
			return c.leave()
		case end := <-c.ended:
			timer.Stop()
			return c.judge(end)
		case <-timer.C:
		}
		if c.conn.Backlog() > 0 {
			since = time.Now() // the server has not got all of it yet
		} else if heard := time.Unix(0, c.heard.Load()); heard.After(since) {
			since = heard
		}
		left = time.Until(since.Add(c.Wait))
	}
	return c.leave()
}

// leave closes the connection from this side.
func (c *Console) leave() error {
	c.show.close()
	if c.conn.Close(engine.StatusNormalClosure, "") != nil {
		return c.judge(<-c.ended) // the server was first
	}
	end := <-c.ended // within the engine's CloseTimeout
	if c.Screen && !c.Bare {
		c.show.note("closed")
	}
	if !end.Clean {
		return problem.Failure(end, "the server did not answer the closing handshake", "")
	}
	return nil
}

// judge tells how the server, or the network, ended the connection, and says
// whether that is a failure.
func (c *Console) judge(end *engine.CloseError) error {
	c.show.close()
	switch end.Code {
	case engine.StatusNormalClosure, engine.StatusGoingAway, engine.StatusServiceRestart, engine.StatusNoStatus:
		c.show.note("closed by the server: " + describe(end))
		return nil
	case engine.StatusAbnormalClosure:
		what := "the connection broke without a closing handshake"
		if end.Err != nil {
			what += ": " + innermost(end.Err)
		}
		return problem.Failure(end, what, "")
	}
	if !end.Peer {
		return problem.Failure(end, "closed with "+describe(end), "")
	}
	return problem.Failure(end, "closed by the server: "+describe(end), "")
}

// pings pings every Ping, and shows how long each pong took.
func (c *Console) pings(ctx context.Context) {
	tick := time.NewTicker(c.Ping)
	defer tick.Stop()
	for {
		took, err := c.conn.RoundTrip(ctx)
		if err != nil {
			return // the connection ends, and talk tells
		}
		c.show.note(fmt.Sprintf("pong after %.2f ms", float64(took)/float64(time.Millisecond)))
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
