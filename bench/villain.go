package bench

import (
	"bufio"
	"crypto/tls"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

// villain is a connection that sends what it likes, with what is read of it.
type villain struct {
	nc  net.Conn
	tcp *net.TCPConn // below TLS
	br  *bufio.Reader
}

// someMask masks what needs no mask of its own.
var someMask = [4]byte{0x37, 0xfa, 0x21, 0x3d}

// maskedText is a whole text message.
func maskedText(b []byte) []byte { return appendMasked(nil, opText, b, someMask) }

// masked is a frame whose first byte is b0.
func masked(b0 byte, payload []byte) []byte {
	b := appendMasked(nil, 0, payload, someMask)
	b[0] = b0
	return b
}

// lie is the header of a masked frame that declares n bytes in the long form.
func lie(b0 byte, n uint64) []byte {
	return append(binary.BigEndian.AppendUint64([]byte{b0, bitMask | 127}, n), someMask[:]...)
}

// closeFrame is a close frame.
func closeFrame(code int, reason string) []byte {
	return masked(bitFin|opClose, append(binary.BigEndian.AppendUint16(nil, uint16(code)), reason...))
}

// connect connects to the server, without TLS.
func (h *hostile) connect() (*net.TCPConn, error) {
	nc, err := (&net.Dialer{Timeout: h.DialTimeout}).DialContext(h.ctx, "tcp", h.addr.String())
	if err != nil {
		return nil, err
	}
	return nc.(*net.TCPConn), nil
}

// dial connects to the server, with TLS for wss. All that it does is bounded by
// Patience.
func (h *hostile) dial() (*villain, error) {
	tcp, err := h.connect()
	if err != nil {
		return nil, err
	}
	v := &villain{nc: tcp, tcp: tcp}
	v.wait(h.o.Patience)
	if h.secure {
		config := h.TLS.Clone()
		if config == nil {
			config = &tls.Config{}
		}
		if config.ServerName == "" {
			config.ServerName = h.hostname
		}
		v.nc = tls.Client(tcp, config)
	}
	v.br = bufio.NewReaderSize(v.nc, 16<<10)
	return v, nil
}

// wait sets a deadline for all that follows.
func (v *villain) wait(d time.Duration) {
	_ = v.nc.SetDeadline(time.Now().Add(d)) // the reads and writes tell
}

// head is a request for the server's URL with more fields, "Name: value" each.
func (h *hostile) head(fields ...string) string {
	lines := []string{"GET " + h.path + " HTTP/1.1", "Host: " + h.host, "Upgrade: websocket", "Connection: Upgrade",
		"Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: " + sampleKey}
	for name, values := range h.Header {
		for _, value := range values {
			lines = append(lines, name+": "+value)
		}
	}
	return strings.Join(append(lines, fields...), "\r\n") + "\r\n\r\n"
}

// with is head with old replaced by new.
func (h *hostile) with(old, new string) string {
	return strings.Replace(h.head(), old, new, 1)
}

// sampleKey is that of RFC 6455, 1.3.
const sampleKey = "dGhlIHNhbXBsZSBub25jZQ=="

// open connects and makes a right handshake.
func (h *hostile) open() (*villain, error) {
	v, err := h.dial()
	if err != nil {
		return nil, err
	}
	if _, err := v.shake(h.head()); err != nil {
		v.close()
		return nil, err
	}
	return v, nil
}

// shake sends a request and wants a right 101.
func (v *villain) shake(head string) (http.Header, error) {
	if err := v.write([]byte(head)); err != nil {
		return nil, err
	}
	return v.accepted()
}

// accepted reads a right 101.
func (v *villain) accepted() (http.Header, error) {
	r, err := v.answer()
	if err != nil {
		return nil, err
	}
	var key [keyLen]byte
	copy(key[:], sampleKey)
	switch {
	case r.StatusCode != http.StatusSwitchingProtocols:
		return nil, &RefusedError{Status: r.Status}
	case r.Header.Get("Sec-WebSocket-Accept") != acceptKey(key):
		return nil, &ProtocolError{"the 101 has no Sec-WebSocket-Accept, or a wrong one"}
	}
	return r.Header, nil
}

// answer reads the head of an answer.
func (v *villain) answer() (*http.Response, error) {
	return http.ReadResponse(v.br, &http.Request{Method: "GET"})
}

func (v *villain) write(b []byte) error {
	_, err := v.nc.Write(b)
	return err
}

// close ends the connection without ceremony.
func (v *villain) close() {
	_ = v.tcp.SetLinger(0) // then it is an orderly end
	_ = v.nc.Close()       // whatever it says, the socket is gone
}

// reset ends the connection with a RST.
func (v *villain) reset() {
	_ = v.tcp.SetLinger(0) // then it is an orderly end
	_ = v.tcp.Close()      // whatever it says, the socket is gone
}

// fin ends what is sent.
func (v *villain) fin() error {
	return v.nc.(interface{ CloseWrite() error }).CloseWrite()
}

// received is one frame of the server.
type received struct {
	fin     bool
	rsv, op byte
	masked  bool
	payload []byte
}

func (f received) String() string {
	return fmt.Sprintf("opcode %d, %d bytes %.20q", f.op, len(f.payload), f.payload)
}

// maxReceived bounds a frame of the server: it owes none that is larger than what
// it was sent.
const maxReceived = 64 << 20

// frame reads one frame.
func (v *villain) frame() (f received, err error) {
	var b [8]byte
	if _, err := io.ReadFull(v.br, b[:2]); err != nil {
		return f, err
	}
	f.fin, f.rsv, f.op, f.masked = b[0]&bitFin != 0, b[0]&bitsRSV, b[0]&bitsOp, b[1]&bitMask != 0
	n := uint64(b[1] & bitsLen)
	switch n {
	case 126:
		_, err = io.ReadFull(v.br, b[:2])
		n = uint64(binary.BigEndian.Uint16(b[:]))
	case 127:
		_, err = io.ReadFull(v.br, b[:8])
		n = binary.BigEndian.Uint64(b[:])
	}
	switch {
	case err != nil:
		return f, err
	case f.masked || f.rsv&^rsv1 != 0 || f.op >= opClose && (!f.fin || n > 125):
		return f, fmt.Errorf("a frame that no server may send: %s", f)
	case n > maxReceived:
		return f, fmt.Errorf("a frame of %d bytes", n)
	}
	f.payload = make([]byte, n)
	_, err = io.ReadFull(v.br, f.payload)
	return f, err
}

const rsv1 = 0x40

// ended reads to the end of the connection and says how it came: "closed", or what
// else.
func (v *villain) ended() string {
	n, err := io.Copy(io.Discard, v.br)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "left open"
	case n > 0:
		return fmt.Sprintf("%d bytes more", n)
	}
	return "closed" // by FIN or RST
}

// nonce is n bytes in base64, as a key should be of 16.
func nonce(n int) string { return base64.StdEncoding.EncodeToString(make([]byte, n)) }
