package bench

import (
	"bufio"
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
)

// testServer is a WebSocket server of its own make, as blocking as it is simple. It
// echoes, and reply may spoil what it echoes.
type testServer struct {
	ln       net.Listener
	accept   func(key string) string                 // the answer to a handshake; nil: a right one
	reply    func(n int64, op byte, p []byte) []byte // the bytes that answer message n of the server; nil: a right frame
	room     bool                                    // messages go to every connection
	tls      *tls.Config                             // wss
	messages atomic.Int64
	pongs    atomic.Int64
	wg       sync.WaitGroup
	mu       sync.Mutex
	conns    map[net.Conn]struct{}
}

// start serves until the test is over.
func (s *testServer) start(t *testing.T) *testServer {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if s.tls != nil {
		ln = tls.NewListener(ln, s.tls)
	}
	s.ln, s.conns = ln, make(map[net.Conn]struct{})
	s.wg.Add(1)
	go s.serve() // ends when the listener is closed; the cleanup waits
	t.Cleanup(func() {
		ln.Close()
		s.mu.Lock()
		for nc := range s.conns {
			nc.Close()
		}
		s.mu.Unlock()
		s.wg.Wait()
	})
	return s
}

func (s *testServer) url() string { return "ws://" + s.ln.Addr().String() + "/echo" }

func (s *testServer) serve() {
	defer s.wg.Done()
	for {
		nc, err := s.ln.Accept()
		if err != nil {
			return
		}
		s.wg.Add(1)
		go s.handle(nc) // ends with the connection; the cleanup waits
	}
}

func (s *testServer) handle(nc net.Conn) {
	defer s.wg.Done()
	defer nc.Close()
	r := bufio.NewReader(nc)
	request, err := http.ReadRequest(r)
	if err != nil {
		return
	}
	accept := rightAnswer
	if s.accept != nil {
		accept = s.accept
	}
	answer := accept(request.Header.Get("Sec-WebSocket-Key"))
	s.mu.Lock()
	s.conns[nc] = struct{}{}
	_, err = io.WriteString(nc, answer)
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.conns, nc)
		s.mu.Unlock()
	}()
	for err == nil {
		err = s.frame(nc, r)
	}
}

// rightAnswer accepts a handshake.
func rightAnswer(key string) string {
	var k [keyLen]byte
	copy(k[:], key)
	return "HTTP/1.1 101 Switching Protocols\r\nupgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\n" +
		"Sec-WebSocket-Accept: " + acceptKey(k) + "\r\n\r\n"
}

// frame reads one frame of a client and answers it.
func (s *testServer) frame(nc net.Conn, r io.Reader) error {
	op, p, err := readFrame(r)
	if err != nil {
		return err
	}
	switch op {
	case opClose:
		_, _ = nc.Write(append(appendHeader(nil, opClose, len(p), nil), p...))
		return io.EOF
	case opPing:
		s.mu.Lock()
		defer s.mu.Unlock()
		_, err = nc.Write(append(appendHeader(nil, opPong, len(p), nil), p...))
		return err
	case opPong:
		s.pongs.Add(1)
		return nil
	}
	n := s.messages.Add(1) - 1
	answer := append(appendHeader(nil, op, len(p), nil), p...)
	if s.reply != nil {
		answer = s.reply(n, op, p)
	}
	if !s.room {
		_, err = nc.Write(answer)
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for member := range s.conns {
		_, _ = member.Write(answer)
	}
	return nil
}

// readFrame reads a frame of a client, which must be whole, masked and unextended.
func readFrame(r io.Reader) (op byte, p []byte, err error) {
	var h [14]byte
	if _, err := io.ReadFull(r, h[:2]); err != nil {
		return 0, nil, err
	}
	if h[0]&(bitFin|bitsRSV) != bitFin || h[1]&bitMask == 0 {
		return 0, nil, io.ErrUnexpectedEOF
	}
	op = h[0] & bitsOp
	length := uint64(h[1] & bitsLen)
	switch length {
	case 126:
		_, err = io.ReadFull(r, h[2:4])
		length = uint64(binary.BigEndian.Uint16(h[2:]))
	case 127:
		_, err = io.ReadFull(r, h[2:10])
		length = binary.BigEndian.Uint64(h[2:])
	}
	if err != nil {
		return 0, nil, err
	}
	var mask [4]byte
	if _, err := io.ReadFull(r, mask[:]); err != nil {
		return 0, nil, err
	}
	if length > maxSize {
		return 0, nil, io.ErrUnexpectedEOF
	}
	p = make([]byte, length)
	_, err = io.ReadFull(r, p)
	for i := range p {
		p[i] ^= mask[i&3]
	}
	return op, p, err
}
