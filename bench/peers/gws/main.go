// The gws server echoes and broadcasts with lxzan/gws, as its README does.
package main

import (
	"log"
	"net/http"
	"sync"

	"github.com/lxzan/gws"
	"github.com/weirws/weir/bench/peers/internal/peer"
)

func main() {
	addr := peer.Listen()
	http.HandleFunc("/echo", serve(&echo{}))
	http.HandleFunc("/broadcast", serve(&room{conns: make(map[*gws.Conn]struct{})}))
	log.Fatal(peer.Serve(addr))
}

func serve(h gws.Event) http.HandlerFunc {
	options := &gws.ServerOption{ReadMaxPayloadSize: peer.MaxMessageBytes}
	if peer.Compress() {
		options.PermessageDeflate = gws.PermessageDeflate{Enabled: true, Level: 1, Threshold: peer.CompressThreshold}
	}
	upgrader := gws.NewUpgrader(h, options)
	return func(w http.ResponseWriter, r *http.Request) {
		socket, err := upgrader.Upgrade(w, r)
		if err != nil {
			return
		}
		go socket.ReadLoop() // ends with the connection; the request's memory is free meanwhile
	}
}

// echo returns each message.
type echo struct{ gws.BuiltinEventHandler }

func (*echo) OnPing(socket *gws.Conn, payload []byte) {
	_ = socket.WritePong(payload) // gws handles its errors itself
}

func (*echo) OnMessage(socket *gws.Conn, message *gws.Message) {
	defer message.Close()
	_ = socket.WriteMessage(message.Opcode, message.Bytes()) // gws handles its errors itself
}

// room delivers each message to all of its connections.
type room struct {
	echo
	mu    sync.Mutex
	conns map[*gws.Conn]struct{}
}

func (m *room) OnOpen(socket *gws.Conn) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.conns[socket] = struct{}{}
}

func (m *room) OnClose(socket *gws.Conn, _ error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.conns, socket)
}

func (m *room) OnMessage(_ *gws.Conn, message *gws.Message) {
	defer message.Close()
	b := gws.NewBroadcaster(message.Opcode, message.Bytes())
	defer b.Close()
	m.mu.Lock()
	defer m.mu.Unlock()
	for socket := range m.conns {
		_ = b.Broadcast(socket) // gws handles its errors itself
	}
}
