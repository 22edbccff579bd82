// The coder server echoes and broadcasts with coder/websocket, as its examples do.
package main

import (
	"context"
	"io"
	"log"
	"net/http"
	"sync"

	"github.com/coder/websocket"
	"github.com/weirws/weir/bench/peers/internal/peer"
)

func main() {
	addr := peer.Listen()
	http.HandleFunc("/echo", echo)
	http.HandleFunc("/broadcast", new(room).serve)
	log.Fatal(http.ListenAndServe(addr, nil))
}

func accept(w http.ResponseWriter, r *http.Request) (*websocket.Conn, error) {
	c, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
	if err != nil {
		return nil, err
	}
	c.SetReadLimit(peer.MaxMessageBytes)
	return c, nil
}

func echo(w http.ResponseWriter, r *http.Request) {
	c, err := accept(w, r)
	if err != nil {
		return
	}
	defer c.CloseNow()
	for {
		if err := echoOne(r.Context(), c); err != nil {
			return
		}
	}
}

// echoOne streams one message back: the way of the library's own echo example.
func echoOne(ctx context.Context, c *websocket.Conn) error {
	kind, reader, err := c.Reader(ctx)
	if err != nil {
		return err
	}
	writer, err := c.Writer(ctx, kind)
	if err != nil {
		return err
	}
	if _, err := io.Copy(writer, reader); err != nil {
		return err
	}
	return writer.Close()
}

// room delivers each message to all of its connections.
type room struct {
	mu    sync.Mutex
	conns map[*websocket.Conn]struct{}
}

func (m *room) serve(w http.ResponseWriter, r *http.Request) {
	c, err := accept(w, r)
	if err != nil {
		return
	}
	defer c.CloseNow()
	m.join(c)
	defer m.leave(c)
	for {
		kind, message, err := c.Read(r.Context())
		if err != nil {
			return
		}
		m.publish(kind, message)
	}
}

func (m *room) join(c *websocket.Conn) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.conns == nil {
		m.conns = make(map[*websocket.Conn]struct{})
	}
	m.conns[c] = struct{}{}
}

func (m *room) leave(c *websocket.Conn) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.conns, c)
}

func (m *room) publish(kind websocket.MessageType, message []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for c := range m.conns {
		_ = c.Write(context.Background(), kind, message) // a connection that fails ends its own read loop
	}
}
