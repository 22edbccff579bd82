package engine

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// The opcodes of RFC 6455, 5.2, spelled out: the peer shares nothing with the engine.
const (
	opCont   = 0x0
	opText   = 0x1
	opBinary = 0x2
	opClosed = 0x8
	opPinged = 0x9
	opPonged = 0xA
)

// sampleKey and sampleAccept are those of RFC 6455, 1.3.
const (
	sampleKey    = "dGhlIHNhbXBsZSBub25jZQ=="
	sampleAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
)

// wireFrame is one frame as it stood on the wire.
type wireFrame struct {
	fin     bool
	rsv     byte
	op      byte
	masked  bool
	mask    [4]byte
	payload []byte
}

func (f wireFrame) String() string {
	return fmt.Sprintf("{fin %t rsv %d op %#x masked %t %.80q (%d)}", f.fin, f.rsv, f.op, f.masked, f.payload, len(f.payload))
}

// peer is a client, or a server, written by hand over a net.Conn. Its calls fail the test.
type peer struct {
	t  testing.TB
	nc net.Conn
	br *bufio.Reader

	zip   *zipper // nil: it does not offer permessage-deflate
	masks *masks  // of what it gets, if it is a server
}

// masks are the masking keys of a Client's frames.
type masks struct {
	seen   map[[4]byte]bool
	frames int
}

// note wants a key that is new: RFC 6455, 5.3. One of some hundred may be one that chance has brought before.
func (m *masks) note(key [4]byte) error {
	m.seen[key] = true
	if m.frames++; len(m.seen) < m.frames-1 {
		return fmt.Errorf("%d different masking keys in %d frames", len(m.seen), m.frames)
	}
	return nil
}

func newPeer(t testing.TB, nc net.Conn) *peer {
	t.Helper()
	t.Cleanup(func() { nc.Close() })
	if err := nc.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return &peer{t: t, nc: nc, br: bufio.NewReader(nc)}
}

// ask returns a request with the given fields, "Name: value" each, besides those of a handshake.
func ask(path string, fields ...string) string {
	lines := append([]string{
		"GET " + path + " HTTP/1.1", "Host: weir.test", "Upgrade: websocket", "Connection: Upgrade",
		"Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: " + sampleKey,
	}, fields...)
	return strings.Join(lines, "\r\n") + "\r\n\r\n"
}

// shake sends a handshake and wants it accepted.
func (p *peer) shake(path string, fields ...string) *http.Response {
	p.t.Helper()
	if p.zip != nil {
		fields = append(fields, "Sec-WebSocket-Extensions: "+p.zip.offer)
	}
	p.write([]byte(ask(path, fields...)))
	return p.accepted()
}

// accepted reads the answer 101.
func (p *peer) accepted() *http.Response {
	p.t.Helper()
	r := p.answer()
	if r.StatusCode != 101 {
		body, _ := io.ReadAll(r.Body)
		p.t.Fatalf("got status %d %q, want 101", r.StatusCode, body)
	}
	for name, want := range map[string]string{"Upgrade": "websocket", "Connection": "Upgrade", "Sec-Websocket-Accept": sampleAccept} {
		if got := r.Header.Get(name); got != want {
			p.t.Fatalf("got %s: %q, want %q", name, got, want)
		}
	}
	if got := r.Header.Get("Sec-Websocket-Extensions"); (got == "") != (p.zip == nil) {
		p.t.Fatalf("got extensions %q", got)
	} else if p.zip != nil && strings.Contains(got, "client_") {
		p.zip.alone = true // it has one window only, of 32 KiB
	}
	return r
}

// answer reads the head of an answer.
func (p *peer) answer() *http.Response {
	p.t.Helper()
	r, err := http.ReadResponse(p.br, &http.Request{Method: "GET"})
	if err != nil {
		p.t.Fatalf("no answer: %v", err)
	}
	return r
}

// refused wants an answer with that status, and the end of the connection behind it.
func (p *peer) refused(status int) *http.Response {
	p.t.Helper()
	r := p.answer()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		p.t.Fatalf("body: %v", err)
	}
	if r.StatusCode != status {
		p.t.Fatalf("got status %d %q, want %d", r.StatusCode, body, status)
	}
	if !r.Close {
		p.t.Errorf("status %d without Connection: close", status)
	}
	p.gone()
	r.Body = io.NopCloser(bytes.NewReader(body))
	return r
}

func (p *peer) write(b []byte) {
	p.t.Helper()
	if _, err := p.nc.Write(b); err != nil {
		p.t.Fatalf("write: %v", err)
	}
}

// maskedFrame returns a client's frame. The bits of b0 are those of the wire.
func maskedFrame(b0 byte, payload []byte) []byte {
	return appendMasked(nil, b0, [4]byte{0x37, 0xfa, 0x21, 0x3d}, payload)
}

func appendMasked(dst []byte, b0 byte, mask [4]byte, payload []byte) []byte {
	dst = append(appendHead(dst, b0, 0x80, len(payload)), mask[:]...)
	for i, c := range payload {
		dst = append(dst, c^mask[i%4])
	}
	return dst
}

// appendHead appends a frame's head up to its masking key. masked is that bit of it.
func appendHead(dst []byte, b0, masked byte, n int) []byte {
	switch dst = append(dst, b0); {
	case n < 126:
		return append(dst, masked|byte(n))
	case n < 1<<16:
		return binary.BigEndian.AppendUint16(append(dst, masked|126), uint16(n))
	default:
		return binary.BigEndian.AppendUint64(append(dst, masked|127), uint64(n))
	}
}

// plainFrame returns a server's frame.
func plainFrame(b0 byte, payload []byte) []byte {
	return append(appendHead(nil, b0, 0, len(payload)), payload...)
}

// made returns a frame as the peer's role makes it.
func (p *peer) made(b0 byte, payload []byte) []byte {
	return choose(p.masks != nil, plainFrame, maskedFrame)(b0, payload)
}

// send sends a whole message or control frame.
func (p *peer) send(op byte, payload []byte) {
	p.t.Helper()
	if p.zip != nil && op < opClosed {
		p.write(p.made(0xc0|op, p.zip.deflate(payload)))
		return
	}
	p.write(p.made(0x80|op, payload))
}

func (p *peer) sendText(s string) {
	p.t.Helper()
	p.send(opText, []byte(s))
}

// sendClose sends a closing frame; code 0 is an empty one.
func (p *peer) sendClose(code int, reason string) {
	p.t.Helper()
	p.send(opClosed, closePayload(code, reason))
}

func closePayload(code int, reason string) []byte {
	if code == 0 {
		return nil
	}
	return append(binary.BigEndian.AppendUint16(nil, uint16(code)), reason...)
}

// next reads one frame.
func (p *peer) next() (wireFrame, error) { return readWire(p.br) }

func readWire(r io.Reader) (f wireFrame, err error) {
	var head [2]byte
	if _, err = io.ReadFull(r, head[:]); err != nil {
		return f, err
	}
	f.fin, f.rsv, f.op, f.masked = head[0]&0x80 != 0, head[0]>>4&7, head[0]&15, head[1]&0x80 != 0
	n := uint64(head[1] & 0x7f)
	switch n {
	case 126:
		var l [2]byte
		_, err = io.ReadFull(r, l[:])
		n = uint64(binary.BigEndian.Uint16(l[:]))
	case 127:
		var l [8]byte
		_, err = io.ReadFull(r, l[:])
		n = binary.BigEndian.Uint64(l[:])
	}
	if err != nil {
		return f, noEOF(err)
	}
	if n > 1<<26 {
		return f, fmt.Errorf("a frame of %d bytes", n)
	}
	if f.masked {
		if _, err = io.ReadFull(r, f.mask[:]); err != nil {
			return f, noEOF(err)
		}
	}
	f.payload = make([]byte, n)
	if _, err = io.ReadFull(r, f.payload); err != nil {
		return f, noEOF(err)
	}
	if f.masked {
		for i := range f.payload {
			f.payload[i] ^= f.mask[i%4]
		}
	}
	return f, nil
}

func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// frame reads one frame and wants it well formed for who sends it.
func (p *peer) frame() wireFrame {
	p.t.Helper()
	f, err := p.next()
	if err != nil {
		p.t.Fatalf("no frame: %v", err)
	}
	if p.zip != nil {
		if err := p.zip.unpack(&f); err != nil {
			p.t.Fatalf("%v: %v", f, err)
		}
	}
	if f.masked != (p.masks != nil) || f.rsv != 0 || f.op >= 8 && (!f.fin || len(f.payload) > 125) {
		p.t.Fatalf("a %s must not send %v", choose(p.masks != nil, "client", "server"), f)
	}
	if f.masked {
		if err := p.masks.note(f.mask); err != nil {
			p.t.Error(err)
		}
	}
	return f
}

// want reads one whole frame and compares it.
func (p *peer) want(op byte, payload []byte) {
	p.t.Helper()
	f := p.frame()
	if f.op != op || !f.fin || !bytes.Equal(f.payload, payload) {
		p.t.Fatalf("got %v, want op %#x %.80q (%d)", f, op, payload, len(payload))
	}
}

func (p *peer) wantText(s string) {
	p.t.Helper()
	p.want(opText, []byte(s))
}

// wantClose reads a closing frame; code 0 is an empty one. Messages before it are skipped.
func (p *peer) wantClose(code int) (reason string) {
	p.t.Helper()
	for {
		f := p.frame()
		if f.op != opClosed {
			continue
		}
		got := 0
		if len(f.payload) >= 2 {
			got, reason = int(binary.BigEndian.Uint16(f.payload)), string(f.payload[2:])
		}
		if got != code {
			p.t.Fatalf("got close %d %q, want %d", got, reason, code)
		}
		return reason
	}
}

// gone wants the end of the connection, with nothing before it, and ends the peer's side too.
func (p *peer) gone() {
	p.t.Helper()
	if b, err := io.ReadAll(p.br); len(b) > 0 || err != nil && !isReset(err) {
		p.t.Fatalf("got %.200q and %v, want the end", b, err)
	}
	p.nc.Close()
}

// closing sends a closing frame and wants it answered, and then the end.
func (p *peer) closing() {
	p.t.Helper()
	p.sendClose(1000, "")
	p.wantClose(1000)
	p.gone()
}

// half ends what the peer sends.
func (p *peer) half() {
	p.t.Helper()
	if err := p.nc.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		p.t.Fatal(err)
	}
}

// reset closes the peer's socket with a RST.
func (p *peer) reset() {
	p.t.Helper()
	nc := p.nc
	if tc, ok := nc.(*tls.Conn); ok {
		nc = tc.NetConn()
	}
	if err := nc.(*net.TCPConn).SetLinger(0); err != nil {
		p.t.Fatal(err)
	}
	nc.Close()
}

func isReset(err error) bool {
	var timeout net.Error
	return !(errors.As(err, &timeout) && timeout.Timeout())
}
