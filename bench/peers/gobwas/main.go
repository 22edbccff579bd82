// The gobwas server echoes and broadcasts with gobwas/ws's frames and a goroutine
// for each connection. Replies to frames that came together leave together.
package main

import (
	"bufio"
	"crypto/tls"
	"io"
	"log"
	"net"
	"sync"

	"github.com/gobwas/ws"
	"github.com/weirws/weir/bench/peers/internal/peer"
	"github.com/weirws/weir/bench/peers/internal/raw"
)

// flushBytes is when replies leave although more frames are waiting.
const flushBytes = 64 << 10

func main() {
	ln, err := net.Listen("tcp", peer.Listen())
	if err != nil {
		log.Fatal(err)
	}
	if peer.Cert != "" {
		cert, err := tls.LoadX509KeyPair(peer.Cert, peer.Key)
		if err != nil {
			log.Fatal(err)
		}
		ln = tls.NewListener(ln, &tls.Config{Certificates: []tls.Certificate{cert}})
	}
	m := &room{conns: make(map[net.Conn]struct{})}
	for {
		nc, err := ln.Accept()
		if err != nil {
			log.Fatal(err)
		}
		go serve(nc, m) // ends with the connection
	}
}

func serve(nc net.Conn, m *room) {
	defer nc.Close()
	var path string
	u := ws.Upgrader{OnRequest: func(uri []byte) error {
		path = string(uri)
		return nil
	}}
	if _, err := u.Upgrade(nc); err != nil {
		return
	}
	c := &conn{r: bufio.NewReader(nc), w: nc}
	if raw.IsBroadcast(path) {
		m.join(nc)
		defer m.leave(nc)
		c.w = m
	}
	for {
		if err := c.echo(nc); err != nil {
			return
		}
	}
}

// conn is one connection, owned by its goroutine.
type conn struct {
	r     *bufio.Reader
	w     io.Writer // where data frames go
	frame []byte    // the frame under way, with room for its header in front
	out   []byte    // replies that have not left
}

// echo reads one frame and answers it.
func (c *conn) echo(nc net.Conn) error {
	h, err := ws.ReadHeader(c.r)
	if err != nil {
		return err
	}
	if h.Length > peer.MaxMessageBytes {
		return ws.ErrHeaderLengthUnexpected
	}
	if need := ws.MaxHeaderSize + int(h.Length); cap(c.frame) < need {
		c.frame = make([]byte, need)
	}
	payload := c.frame[ws.MaxHeaderSize : ws.MaxHeaderSize+int(h.Length)]
	if _, err := io.ReadFull(c.r, payload); err != nil {
		return err
	}
	ws.Cipher(payload, h.Mask, 0)
	h.Masked = false
	to := c.w
	switch h.OpCode {
	case ws.OpPing:
		h.OpCode, to = ws.OpPong, nc
	case ws.OpClose:
		to = nc
	case ws.OpPong:
		return nil
	}
	if err := c.reply(h, payload, to); err != nil {
		return err
	}
	if h.OpCode == ws.OpClose {
		return io.EOF
	}
	return nil
}

// reply sends a frame whose payload lies in c.frame, or keeps it while more frames
// are in the reader.
func (c *conn) reply(h ws.Header, payload []byte, to io.Writer) error {
	size := ws.HeaderSize(h)
	frame := c.frame[ws.MaxHeaderSize-size : ws.MaxHeaderSize+len(payload)]
	if err := ws.WriteHeader(&slot{frame}, h); err != nil {
		return err
	}
	if to == c.w && len(c.out)+len(frame) < flushBytes && (c.r.Buffered() > 0 || len(c.out) > 0) {
		c.out = append(c.out, frame...)
		if c.r.Buffered() > 0 {
			return nil
		}
		frame = nil
	}
	if len(c.out) > 0 {
		if _, err := c.w.Write(c.out); err != nil {
			return err
		}
		c.out = c.out[:0]
	}
	if frame == nil {
		return nil
	}
	_, err := to.Write(frame)
	return err
}

// slot is memory as a writer.
type slot struct{ b []byte }

func (s *slot) Write(p []byte) (int, error) { return copy(s.b, p), nil }

// room delivers each write to all of its connections.
type room struct {
	mu    sync.Mutex
	conns map[net.Conn]struct{}
}

func (m *room) join(nc net.Conn) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.conns[nc] = struct{}{}
}

func (m *room) leave(nc net.Conn) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.conns, nc)
}

func (m *room) Write(p []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for nc := range m.conns {
		_, _ = nc.Write(p) // a connection that fails ends its own goroutine
	}
	return len(p), nil
}
