// The nbio server echoes and broadcasts with lesismal/nbio, in its default mode:
// non-blocking, with the handlers on a pool of goroutines.
package main

import (
	"log"
	"net/http"
	"sync"

	"github.com/lesismal/llib/std/crypto/tls"
	"github.com/lesismal/nbio/logging"
	"github.com/lesismal/nbio/nbhttp"
	"github.com/lesismal/nbio/nbhttp/websocket"
	"github.com/weirws/weir/bench/peers/internal/peer"
)

func main() {
	addr := peer.Listen()
	logging.SetLevel(logging.LevelError)
	mux := http.NewServeMux()
	mux.HandleFunc("/echo", upgrade(echo()))
	mux.HandleFunc("/broadcast", upgrade(new(room).upgrader()))
	config := nbhttp.Config{Network: "tcp", Handler: mux}
	if peer.Cert != "" {
		// nbio steps TLS with a fork of crypto/tls.
		cert, err := tls.LoadX509KeyPair(peer.Cert, peer.Key)
		if err != nil {
			log.Fatal(err)
		}
		config.AddrsTLS, config.TLSConfig = []string{addr}, &tls.Config{Certificates: []tls.Certificate{cert}}
	} else {
		config.Addrs = []string{addr}
	}
	engine := nbhttp.NewEngine(config)
	if err := engine.Start(); err != nil {
		log.Fatal(err)
	}
	select {}
}

func upgrade(u *websocket.Upgrader) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = u.Upgrade(w, r, nil) // nbio has answered the request when it fails
	}
}

func newUpgrader() *websocket.Upgrader {
	u := websocket.NewUpgrader()
	u.CheckOrigin = func(*http.Request) bool { return true }
	u.KeepaliveTime = 0
	u.MessageLengthLimit = peer.MaxMessageBytes
	u.EnableCompression(peer.Compress()) // at level 1, and without a context, as it does
	return u
}

func echo() *websocket.Upgrader {
	u := newUpgrader()
	u.OnMessage(func(c *websocket.Conn, kind websocket.MessageType, data []byte) {
		_ = c.WriteMessage(kind, data) // nbio closes a connection that fails
	})
	return u
}

// room delivers each message to all of its connections.
type room struct {
	mu    sync.Mutex
	conns map[*websocket.Conn]struct{}
}

func (m *room) upgrader() *websocket.Upgrader {
	m.conns = make(map[*websocket.Conn]struct{})
	u := newUpgrader()
	u.OnOpen(func(c *websocket.Conn) {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.conns[c] = struct{}{}
	})
	u.OnClose(func(c *websocket.Conn, _ error) {
		m.mu.Lock()
		defer m.mu.Unlock()
		delete(m.conns, c)
	})
	u.OnMessage(func(_ *websocket.Conn, kind websocket.MessageType, data []byte) {
		m.mu.Lock()
		defer m.mu.Unlock()
		for c := range m.conns {
			_ = c.WriteMessage(kind, data) // nbio closes a connection that fails
		}
	})
	return u
}
