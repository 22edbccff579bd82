package clienttest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/weirws/weir/engine"
)

// texts, sizes and closes are those of the programs.
var (
	texts  = []string{"", "hello", "ä€😀", strings.Repeat("€", 100_000)}
	sizes  = []int{0, 1, 125, 126, 65535, 65536, 1 << 20, maxMessageBytes}
	closes = []struct {
		code   engine.StatusCode
		reason string
	}{{1000, ""}, {1001, "going"}, {1011, "ä€😀"}, {3000, strings.Repeat("x", 123)}, {4999, "mine"}}
)

// client is a Client of ours, and what its connections hear.
type client struct {
	*engine.Client
	t        *testing.T
	messages chan engine.Message
	ends     chan *engine.CloseError
}

// newClient makes a Client that ends with the test. o may be nil.
func newClient(t *testing.T, o *engine.Options) *client {
	t.Helper()
	if o == nil {
		o = options()
	}
	c := &client{t: t, messages: make(chan engine.Message, 100), ends: make(chan *engine.CloseError, 100)}
	var err error
	c.Client, err = engine.NewClient(engine.Handler{
		Message: func(_ *engine.Conn, m engine.Message) { c.messages <- m.Clone() },
		Close: func(_ *engine.Conn, err error) {
			var end *engine.CloseError
			errors.As(err, &end)
			c.ends <- end
		},
	}, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Client.Close() })
	return c
}

// dial dials, with the subprotocol that the servers speak.
func (c *client) dial(url string, o engine.DialOptions) *engine.Conn {
	c.t.Helper()
	o.Subprotocols = []string{"other", subprotocol}
	conn, err := c.Dial(context.Background(), url, &o)
	if err != nil {
		c.t.Fatal(err)
	}
	if got := conn.Subprotocol(); got != subprotocol {
		c.t.Errorf("subprotocol %q", got)
	}
	return conn
}

// hear waits for what was sent to come back.
func (c *client) hear(k engine.Kind, want []byte) {
	c.t.Helper()
	select {
	case m := <-c.messages:
		if m.Kind != k || !bytes.Equal(m.Data, want) {
			c.t.Errorf("%d bytes of %v came back as %d of %v", len(want), k, len(m.Data), m.Kind)
		}
	case end := <-c.ends:
		c.t.Fatalf("closed: %v", end)
	case <-time.After(patience):
		c.t.Fatal("nothing comes back")
	}
}

// ended waits for the end.
func (c *client) ended() *engine.CloseError {
	c.t.Helper()
	select {
	case end := <-c.ends:
		return end
	case <-time.After(patience):
		c.t.Fatal("it does not end")
		return nil
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// blob returns n bytes.
func blob(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*31 + i>>8)
	}
	return b
}

// talk is what a server of a program must do, at url.
func talk(t *testing.T, p program, url string, o engine.DialOptions) {
	t.Run("text", func(t *testing.T) {
		c := newClient(t, nil)
		conn := c.dial(url+"/", o)
		for _, s := range texts {
			must(t, conn.SendText(s))
			c.hear(engine.Text, []byte(s))
		}
	})
	t.Run("binary", func(t *testing.T) {
		c := newClient(t, nil)
		conn := c.dial(url+"/", o)
		for _, n := range sizes {
			must(t, conn.Send(engine.Binary, blob(n)))
			c.hear(engine.Binary, blob(n))
		}
	})
	t.Run("fragments sent", func(t *testing.T) {
		c := newClient(t, nil)
		conn := c.dial(url+"/", o)
		for _, s := range texts {
			sendParts(conn, engine.Text, []byte(s))
			c.hear(engine.Text, []byte(s))
		}
	})
	t.Run("fragments received", func(t *testing.T) {
		if p.unparted {
			t.Skip(p.name + " has no call for it")
		}
		c := newClient(t, nil)
		conn := c.dial(url+"/parts", o)
		for _, s := range texts {
			must(t, conn.SendText(s))
			c.hear(engine.Text, []byte(s))
		}
		few := options()
		few.MaxFragments = 2 // so that there are more is seen
		c = newClient(t, few)
		conn = c.dial(url+"/parts", o)
		must(t, conn.SendText(texts[3]))
		if end := c.ended(); end.Code != 1008 || end.Peer {
			t.Errorf("got %v", end)
		}
	})
	t.Run("ping", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		conn := newClient(t, nil).dial(url+"/", o)
		for range 3 {
			_, err := conn.RoundTrip(ctx)
			must(t, err)
		}
	})
	t.Run("closes", func(t *testing.T) {
		c := newClient(t, nil)
		for _, want := range closes {
			must(t, c.dial(url+"/", o).Close(want.code, want.reason))
			if end := c.ended(); end.Code != want.code || end.Reason != want.reason || end.Peer || !end.Clean {
				t.Errorf("%d: got %+v", want.code, end)
			}
		}
	})
	t.Run("is closed", func(t *testing.T) {
		c := newClient(t, nil)
		for _, want := range closes {
			must(t, c.dial(url+"/", o).SendText(fmt.Sprintf("close %d %s", want.code, want.reason)))
			if end := c.ended(); end.Code != want.code || end.Reason != want.reason || !end.Peer || !end.Clean {
				t.Errorf("%d: got %+v", want.code, end)
			}
		}
	})
	t.Run("no subprotocol", func(t *testing.T) {
		if p.obliging {
			t.Skip(p.name + " knows them all")
		}
		o.Subprotocols = []string{"nobody's"}
		if _, err := newClient(t, nil).Dial(context.Background(), url+"/", &o); err == nil || !strings.Contains(err.Error(), "none of the subprotocols") {
			t.Errorf("got %v", err)
		}
	})
}

// Their servers, our client.
func TestClient(t *testing.T) {
	eachProgram(t, func(t *testing.T, p program) { talk(t, p, "ws://"+p.serve(t), engine.DialOptions{}) })
}
