// The coder program is a server or a client with coder/websocket, for the tests that have it talk to weir.
package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/coder/websocket"
	"github.com/weirws/weir/bench/peers/interop/cases"
)

func main() { cases.Main(serve, client) }

func serve(w http.ResponseWriter, r *http.Request) {
	c, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{cases.Subprotocol}, InsecureSkipVerify: true})
	if err != nil {
		return
	}
	defer c.CloseNow()
	c.SetReadLimit(cases.MaxMessageBytes)
	for {
		kind, message, err := c.Read(r.Context())
		if err != nil {
			return
		}
		if code, reason, ok := cases.ParseClose(message); ok {
			_ = c.Close(websocket.StatusCode(code), reason) // the peer says whether it got it
			return
		}
		write := c.Write
		if r.URL.Path == "/parts" {
			write = parts(c)
		}
		if err := write(r.Context(), kind, message); err != nil {
			return
		}
	}
}

// parts sends a message in three fragments and the empty last one that coder ends with.
func parts(c *websocket.Conn) func(context.Context, websocket.MessageType, []byte) error {
	return func(ctx context.Context, kind websocket.MessageType, message []byte) error {
		w, err := c.Writer(ctx, kind)
		if err != nil {
			return err
		}
		third := len(message) / 3
		for _, part := range [][]byte{message[:third], message[third : 2*third], message[2*third:]} {
			if _, err := w.Write(part); err != nil {
				return err
			}
		}
		return w.Close()
	}
}

type conn struct {
	*websocket.Conn
	ctx context.Context
}

func client(url string) []cases.Case {
	open := func(path string, f func(c conn) error) func() error {
		return func() error {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			c, _, err := websocket.Dial(ctx, url+path, &websocket.DialOptions{Subprotocols: []string{"other", cases.Subprotocol}})
			if err != nil {
				return err
			}
			defer c.CloseNow()
			if got := c.Subprotocol(); got != cases.Subprotocol {
				return fmt.Errorf("subprotocol %q", got)
			}
			c.SetReadLimit(cases.MaxMessageBytes)
			return f(conn{c, ctx})
		}
	}
	return []cases.Case{
		{Name: "text", Run: open("/", text)},
		{Name: "binary", Run: open("/", binary)},
		{Name: "fragments sent", Run: open("/", func(c conn) error {
			for _, s := range cases.Texts {
				if err := c.echo(parts(c.Conn), websocket.MessageText, []byte(s)); err != nil {
					return err
				}
			}
			return nil
		})},
		{Name: "fragments received", Run: open("/parts", text)},
		{Name: "ping", Run: open("/", func(c conn) error {
			c.CloseRead(c.ctx)
			return c.Ping(c.ctx)
		})},
		{Name: "closes", Run: func() error { return closes(open, closing) }},
		{Name: "is closed", Run: func() error { return closes(open, closed) }},
		{Name: "refused", Run: func() error {
			_, r, err := websocket.Dial(context.Background(), url+"/refused", nil)
			if err == nil || r == nil || r.StatusCode != http.StatusForbidden {
				return fmt.Errorf("got %v", err)
			}
			return nil
		}},
	}
}

// echo sends a message and reads what comes back.
func (c conn) echo(write func(context.Context, websocket.MessageType, []byte) error, kind websocket.MessageType, message []byte) error {
	sent := make(chan error, 1)
	go func() { sent <- write(c.ctx, kind, message) }() // ends when the peer has read it, or with ctx
	got, back, err := c.Read(c.ctx)
	if err := errors.Join(err, <-sent); err != nil {
		return err
	}
	if got != kind {
		return fmt.Errorf("%v came back as %v", kind, got)
	}
	return cases.Same(back, message)
}

func text(c conn) error {
	for _, s := range cases.Texts {
		if err := c.echo(c.Write, websocket.MessageText, []byte(s)); err != nil {
			return err
		}
	}
	return nil
}

func binary(c conn) error {
	for _, n := range cases.Sizes {
		if err := c.echo(c.Write, websocket.MessageBinary, cases.Blob(n)); err != nil {
			return err
		}
	}
	return nil
}

// closes runs one of the two below for each code.
func closes(open func(string, func(conn) error) func() error, f func(conn, websocket.StatusCode, string) error) error {
	for _, end := range cases.Closes {
		if err := open("/", func(c conn) error { return f(c, websocket.StatusCode(end.Code), end.Reason) })(); err != nil {
			return fmt.Errorf("%d: %w", end.Code, err)
		}
	}
	return nil
}

// closing closes: coder wants its own code back.
func closing(c conn, code websocket.StatusCode, reason string) error { return c.Close(code, reason) }

func closed(c conn, code websocket.StatusCode, reason string) error {
	if err := c.Write(c.ctx, websocket.MessageText, fmt.Appendf(nil, "close %d %s", code, reason)); err != nil {
		return err
	}
	_, _, err := c.Read(c.ctx)
	var end websocket.CloseError
	if !errors.As(err, &end) || end.Code != code || end.Reason != reason {
		return fmt.Errorf("got %v", err)
	}
	return nil
}
