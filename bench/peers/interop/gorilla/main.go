// The gorilla program is a server or a client with gorilla/websocket, for the tests that have it talk to weir.
package main

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/gorilla/websocket"
	"github.com/weirws/weir/bench/peers/interop/cases"
)

func main() { cases.Main(serve, client) }

// fragmenting has a write buffer that a message of some length does not fit in: it leaves in fragments.
const fragmenting = 256

func serve(w http.ResponseWriter, r *http.Request) {
	upgrader := websocket.Upgrader{Subprotocols: []string{cases.Subprotocol}, CheckOrigin: func(*http.Request) bool { return true }}
	if r.URL.Path == "/parts" {
		upgrader.WriteBufferSize = fragmenting
	}
	c, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer c.Close()
	c.SetReadLimit(cases.MaxMessageBytes)
	for {
		kind, message, err := c.ReadMessage()
		if err != nil {
			return
		}
		if code, reason, ok := cases.ParseClose(message); ok {
			end := websocket.FormatCloseMessage(code, reason)
			if err := c.WriteControl(websocket.CloseMessage, end, time.Now().Add(time.Minute)); err != nil {
				return
			}
			continue // the answer ends the loop
		}
		answer := (*websocket.Conn).WriteMessage
		if r.URL.Path == "/parts" {
			answer = write
		}
		if err := answer(c, kind, message); err != nil {
			return
		}
	}
}

// write sends a message through a writer, which cuts it where its buffer ends. WriteMessage does not.
func write(c *websocket.Conn, kind int, message []byte) error {
	w, err := c.NextWriter(kind)
	if err != nil {
		return err
	}
	for len(message) > 0 { // a piece much larger than the buffer goes past it
		n := min(len(message), fragmenting)
		if _, err := w.Write(message[:n]); err != nil {
			return err
		}
		message = message[n:]
	}
	return w.Close()
}

// echo sends a message, in fragments if the dialler's buffer is small, and reads what comes back.
func echo(c *websocket.Conn, kind int, message []byte) error {
	if err := write(c, kind, message); err != nil {
		return err
	}
	got, back, err := c.ReadMessage()
	if err != nil {
		return err
	}
	if got != kind {
		return fmt.Errorf("kind %d came back as %d", kind, got)
	}
	return cases.Same(back, message)
}

func client(url string) []cases.Case {
	open := func(path string, buffer int, f func(c *websocket.Conn) error) func() error {
		return func() error {
			d := websocket.Dialer{Subprotocols: []string{"other", cases.Subprotocol}, WriteBufferSize: buffer, HandshakeTimeout: time.Minute}
			c, _, err := d.Dial(url+path, nil)
			if err != nil {
				return err
			}
			defer c.Close()
			if got := c.Subprotocol(); got != cases.Subprotocol {
				return fmt.Errorf("subprotocol %q", got)
			}
			_ = c.SetReadDeadline(time.Now().Add(time.Minute)) // the reads tell
			return f(c)
		}
	}
	return []cases.Case{
		{Name: "text", Run: open("/", 0, text)},
		{Name: "binary", Run: open("/", 1<<20, binary)},
		{Name: "fragments sent", Run: open("/", fragmenting, text)},
		{Name: "fragments received", Run: open("/parts", 0, text)},
		{Name: "ping", Run: open("/", 0, ping)},
		{Name: "closes", Run: func() error { return closes(open, closing) }},
		{Name: "is closed", Run: func() error { return closes(open, closed) }},
		{Name: "refused", Run: func() error {
			_, r, err := websocket.DefaultDialer.Dial(url+"/refused", nil)
			if !errors.Is(err, websocket.ErrBadHandshake) || r.StatusCode != http.StatusForbidden {
				return fmt.Errorf("got %v", err)
			}
			return nil
		}},
	}
}

func text(c *websocket.Conn) error {
	for _, s := range cases.Texts {
		if err := echo(c, websocket.TextMessage, []byte(s)); err != nil {
			return err
		}
	}
	return nil
}

func binary(c *websocket.Conn) error {
	for _, n := range cases.Sizes {
		if err := echo(c, websocket.BinaryMessage, cases.Blob(n)); err != nil {
			return err
		}
	}
	return nil
}

func ping(c *websocket.Conn) error {
	ponged := ""
	c.SetPongHandler(func(s string) error { ponged = s; return nil })
	if err := c.WriteControl(websocket.PingMessage, []byte("there?"), time.Now().Add(time.Minute)); err != nil {
		return err
	}
	if err := echo(c, websocket.TextMessage, []byte("behind it")); err != nil {
		return err
	}
	if ponged != "there?" {
		return fmt.Errorf("pong %q", ponged)
	}
	return nil
}

// closes runs one of the two below for each code.
func closes(open func(string, int, func(*websocket.Conn) error) func() error, f func(*websocket.Conn, int, string) error) error {
	for _, end := range cases.Closes {
		if err := open("/", 0, func(c *websocket.Conn) error { return f(c, end.Code, end.Reason) })(); err != nil {
			return fmt.Errorf("%d: %w", end.Code, err)
		}
	}
	return nil
}

func closing(c *websocket.Conn, code int, reason string) error {
	if err := c.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, reason), time.Now().Add(time.Minute)); err != nil {
		return err
	}
	return ended(c, code, reason)
}

func closed(c *websocket.Conn, code int, reason string) error {
	if err := c.WriteMessage(websocket.TextMessage, fmt.Appendf(nil, "close %d %s", code, reason)); err != nil {
		return err
	}
	return ended(c, code, reason)
}

// ended wants a closing frame next.
func ended(c *websocket.Conn, code int, reason string) error {
	_, _, err := c.ReadMessage()
	var end *websocket.CloseError
	if !errors.As(err, &end) || end.Code != code || end.Text != reason {
		return fmt.Errorf("got %v", err)
	}
	return nil
}
