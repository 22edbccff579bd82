// The gorilla server echoes and broadcasts with gorilla/websocket, as its examples do.
package main

import (
	"log"
	"net/http"
	"sync"

	"github.com/gorilla/websocket"
	"github.com/weirws/weir/bench/peers/internal/peer"
)

var upgrader = websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}

func main() {
	addr := peer.Listen()
	upgrader.EnableCompression = peer.Compress() // at level 1, and without a context, as it does
	http.HandleFunc("/echo", echo)
	http.HandleFunc("/broadcast", new(room).serve)
	log.Fatal(peer.Serve(addr))
}

func echo(w http.ResponseWriter, r *http.Request) {
	c, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer c.Close()
	c.SetReadLimit(peer.MaxMessageBytes)
	for {
		kind, message, err := c.ReadMessage()
		if err != nil {
			return
		}
		if err := c.WriteMessage(kind, message); err != nil {
			return
		}
	}
}

// room delivers each message to all of its connections.
type room struct {
	mu    sync.Mutex // also serialises the writes: gorilla allows one writer at a time
	conns map[*websocket.Conn]struct{}
}

func (m *room) serve(w http.ResponseWriter, r *http.Request) {
	c, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer c.Close()
	m.join(c)
	defer m.leave(c)
	for {
		kind, message, err := c.ReadMessage()
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

func (m *room) publish(kind int, message []byte) {
	prepared, err := websocket.NewPreparedMessage(kind, message)
	if err != nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for c := range m.conns {
		_ = c.WritePreparedMessage(prepared) // a connection that fails ends its own read loop
	}
}
