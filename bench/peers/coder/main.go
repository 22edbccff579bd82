// The coder server echoes and broadcasts with coder/websocket, as its examples do.
package main

import (
	"context"
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
	log.Fatal(peer.Serve(addr))
}

func accept(w http.ResponseWriter, r *http.Request) (*websocket.Conn, error) {
	options := &websocket.AcceptOptions{InsecureSkipVerify: true}
	if peer.Compress() {
		options.CompressionMode, options.CompressionThreshold = websocket.CompressionNoContextTakeover, peer.CompressThreshold
	}
	c, err := websocket.Accept(w, r, options)
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
		kind, message, err := c.Read(r.Context())
		if err != nil {
			return
		}
		if err := c.Write(r.Context(), kind, message); err != nil {
			return
		}
	}
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
