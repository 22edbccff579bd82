package engine

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/weirws/weir/pool"
)

// outcome is what must become of a stream of a client's frames.
type outcome struct {
	messages [][]byte // kind, then the payload
	pings    [][]byte // payloads
	pongs    int
	code     int // of the closing frame that answers it; 0: none
	violates bool
	middle   bool // it ends within a frame
}

// reference decodes a stream in the plainest way there is. It shares nothing with the codec.
func reference(b []byte, maxBytes, maxFrames uint64) (o outcome) {
	var message []byte
	var kind byte
	var frames, total uint64
	fail := func(code int) outcome {
		o.code, o.violates = code, true
		return o
	}
	for len(b) > 0 {
		if len(b) < 2 {
			o.middle = true
			return o
		}
		fin, op, masked, n := b[0]&0x80 != 0, b[0]&15, b[1]&0x80 != 0, uint64(b[1]&0x7f)
		control := op >= 8
		switch {
		case b[0]&0x70 != 0, op > 2 && op < 8, op > 10, !masked, control && !fin, control && n > 125, op == 8 && n == 1,
			op == 0 && kind == 0, !control && op != 0 && kind != 0:
			return fail(1002)
		}
		head := 2
		switch n {
		case 126:
			head = 4
			if len(b) >= 4 {
				n = uint64(binary.BigEndian.Uint16(b[2:]))
			}
		case 127:
			head = 10
			if len(b) >= 10 {
				n = binary.BigEndian.Uint64(b[2:])
			}
		}
		if len(b) < head+4 {
			o.middle = true
			return o
		}
		if !control {
			switch frames++; {
			case n>>63 != 0:
				return fail(1002)
			case frames > maxFrames:
				return fail(1008)
			case total+n > maxBytes:
				return fail(1009)
			}
			total += n
		}
		payload := bytes.Clone(b[head+4:])
		whole := uint64(len(payload)) >= n
		if whole {
			payload = payload[:n]
		}
		for i := range payload {
			payload[i] ^= b[head+i%4]
		}
		if !control {
			if op != 0 {
				kind = op
			}
			message = append(message, payload...)
			if kind == 1 && !validSoFar(message, fin && whole) {
				return fail(1007)
			}
		}
		if !whole {
			o.middle = true
			return o
		}
		b = b[head+4+int(n):]
		switch {
		case op == 8:
			return closing(o, payload)
		case op == 9:
			o.pings = append(o.pings, payload)
		case op == 10:
			o.pongs++
		case !control && fin:
			o.messages = append(o.messages, append([]byte{kind}, message...))
			message, kind, frames, total = nil, 0, 0, 0
		}
	}
	return o
}

// closing ends the reference at a closing frame.
func closing(o outcome, payload []byte) outcome {
	if len(payload) == 0 {
		o.code = 1005
		return o
	}
	o.code = int(binary.BigEndian.Uint16(payload))
	if !mayBeSent(o.code) {
		o.code, o.violates = 1002, true
	} else if !utf8.Valid(payload[2:]) {
		o.code, o.violates = 1007, true
	}
	return o
}

// validSoFar reports whether b is UTF-8, or may become so.
func validSoFar(b []byte, all bool) bool {
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError && n == 1 {
			return !all && !utf8.FullRune(b)
		}
		b = b[n:]
	}
	return true
}

// relay keeps what the rules complain of for the run that is under way.
type relay struct {
	testing.TB
	mu         sync.Mutex
	complaints []string
}

func (r *relay) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.complaints = append(r.complaints, fmt.Sprintf(format, args...))
}

func (r *relay) report(t *testing.T) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.complaints {
		t.Error(c)
	}
	r.complaints = nil
}

// fuzzed is a Server whose connections are fuzzed, one after the other.
type fuzzed struct {
	*running
	relay *relay
	got   [][]byte         // messages of the connection
	ended chan *CloseError // its Close
}

func fuzzServer(f *testing.F, inline bool, k Compression) *fuzzed {
	z := &fuzzed{ended: make(chan *CloseError, 1)}
	r := rig{inline: inline, loops: 1, streams: true}
	o := &Options{MaxMessageBytes: fuzzMessageBytes, MaxFragments: fuzzFragments, StrandDepth: 4, KeepAlive: -1, MaxControlsPerSecond: -1, Compression: k, CompressionThreshold: 1 << 30, CloseTimeout: time.Hour}
	z.running = r.make(f, Handler{
		Message: func(c *Conn, m Message) {
			z.got = append(z.got, append([]byte{byte(m.Kind)}, m.Data...))
			c.Send(m.Kind, m.Data)
		},
		Ping: func(c *Conn, b []byte) { c.Pong(b) },
		Pong: func(*Conn, []byte) {},
		Close: func(_ *Conn, err error) {
			var e *CloseError
			errors.As(err, &e)
			z.ended <- e
		},
	}, o)
	z.relay = &relay{TB: f}
	z.rules.t = z.relay
	return z
}

const (
	fuzzMessageBytes = 5000
	fuzzFragments    = 8
)

// FuzzServer feeds a server's connection with anything. Property: the messages that it delivers, and the code that it
// closes with, are those of the reference; what it writes is well formed; the callbacks keep their rules; and nothing is
// left behind.
//
// Bits of mode: 0 inline, 1 an HTTP request rather than frames, 2 frames of a client made of the input; the upper four are
// the size of the pieces that it is sent in.
func FuzzServer(f *testing.F) {
	servers := [2]*fuzzed{fuzzServer(f, false, CompressionOff), fuzzServer(f, true, CompressionOff)}
	seed := func(b ...[]byte) {
		for mode := range byte(2) {
			f.Add(mode, join(b...))
			f.Add(mode|0x30, join(b...))
		}
	}
	seed(text("hello"))
	seed(maskedFrame(0x01, []byte("hel")), maskedFrame(0x89, []byte("p")), maskedFrame(0x80, []byte("lo")), maskedFrame(0x88, closePayload(1000, "bye")))
	seed(maskedFrame(0x82, blob(4999)), maskedFrame(0x02, blob(2500)), maskedFrame(0x80, blob(2501)))
	seed(header(0x82, 1<<63))
	seed(maskedFrame(0x01, []byte("\xe2\x82")), maskedFrame(0x80, []byte("\xac")), maskedFrame(0x8a, nil), maskedFrame(0x88, nil), text("lost"))
	f.Add(byte(2), []byte(ask("/")+"\x81\x80\x00\x00\x00\x00"))
	f.Add(byte(2|0x10), []byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n"))
	f.Add(byte(4), []byte("\x81\x05hello\x01\x02ab\x80\x01c\x89\x00\x88\x02\x03\xe8"))
	f.Fuzz(func(t *testing.T, mode byte, input []byte) {
		if len(input) > 1<<16 {
			t.Skip("longer than anything of interest")
		}
		servers[mode&1].try(t, mode, input)
	})
}

// try is one run.
func (z *fuzzed) try(t *testing.T, mode byte, input []byte) {
	upgraded := z.Metrics().Upgraded
	z.serve(t, func(nc net.Conn) {
		if mode&2 != 0 {
			z.request(t, nc, input, mode>>4)
			return
		}
		if mode&4 != 0 {
			input = compose(input)
		}
		z.frames(t, nc, input, mode>>4)
	})
	if mode&2 != 0 && z.Metrics().Upgraded != upgraded {
		within(t, "Close", z.ended)
	}
}

// serve runs a peer on a connection of its own, and wants nothing left behind.
func (z *fuzzed) serve(t *testing.T, peer func(net.Conn)) {
	ours, theirs := net.Pipe()
	defer ours.Close()
	_ = ours.SetDeadline(time.Now().Add(patience)) // reads tell
	c, h := z.deal(nil, netip.AddrPort{})
	if err := z.core.poll.Attach(nil, theirs, nil, c, h); err != nil {
		t.Fatal(err)
	}
	z.got = nil
	peer(ours)
	ours.Close()
	// The loop of each of the two servers keeps an empty queue.
	for i := 0; z.Metrics().Sockets != 0 || pool.Outstanding() > 2; i++ {
		if i > 10_000 {
			t.Fatalf("left behind: %d sockets, %d buffers", z.Metrics().Sockets, pool.Outstanding())
		}
		if i > 100 {
			time.Sleep(time.Millisecond)
		}
	}
	z.relay.report(t)
	if n := z.Metrics().Panics; n != 0 {
		t.Fatalf("%d panics: %s", n, z.log)
	}
}

// compose makes frames: of each, one byte is the first of the header, one the length, then the payload.
func compose(input []byte) (b []byte) {
	for len(input) >= 2 {
		n := min(int(input[1]), len(input)-2)
		b = append(b, maskedFrame(input[0], input[2:2+n])...)
		input = input[2+n:]
	}
	return b
}

// feed writes b in pieces; the server may end it at any time.
func feed(nc net.Conn, b []byte, piece byte) {
	n := len(b)
	if piece > 0 && len(b) < 4000 {
		n = int(piece)
	}
	for len(b) > 0 {
		k, err := nc.Write(b[:min(n, len(b))])
		if err != nil {
			return
		}
		b = b[k:]
	}
}

// request feeds bytes that may be a request.
func (z *fuzzed) request(t *testing.T, nc net.Conn, input []byte, piece byte) {
	var reading sync.WaitGroup
	reading.Go(func() { checkAnswer(t, nc) })
	feed(nc, input, piece)
	nc.Close()
	reading.Wait()
}

// checkAnswer wants nothing, or a whole answer, from what may be cut short.
func checkAnswer(t *testing.T, nc net.Conn) {
	br := bufio.NewReader(nc)
	r, err := http.ReadResponse(br, &http.Request{Method: "GET"})
	if err != nil {
		if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("answer: %v", err)
		}
		return
	}
	if r.StatusCode != 101 && r.StatusCode < 400 {
		t.Errorf("status %d", r.StatusCode)
	}
	_, _ = io.Copy(io.Discard, br)
}

// frames feeds frames behind a handshake.
func (z *fuzzed) frames(t *testing.T, nc net.Conn, input []byte, piece byte) {
	z.exchange(t, nc, ask("/"), reference(input, fuzzMessageBytes, fuzzFragments), input, piece)
}

// exchange feeds frames behind a handshake, of which want must become.
func (z *fuzzed) exchange(t *testing.T, nc net.Conn, head string, want outcome, input []byte, piece byte) {
	if !want.middle && want.code == 0 {
		input = append(bytes.Clone(input), maskedFrame(0x88, closePayload(1000, ""))...)
		want.code = 1000
	}
	answered := make(chan bool, 1)
	var written []wireFrame
	var reading sync.WaitGroup
	reading.Go(func() {
		br := bufio.NewReader(nc)
		r, err := http.ReadResponse(br, &http.Request{Method: "GET"})
		answered <- err == nil && r.StatusCode == 101
		for err == nil {
			var f wireFrame
			if f, err = readWire(br); err == nil {
				written = append(written, f)
			}
		}
		var timeout net.Error
		if errors.As(err, &timeout) && timeout.Timeout() {
			t.Error("the connection is neither closed nor fed")
		}
	})
	if _, err := nc.Write([]byte(head)); err != nil || !<-answered {
		t.Fatalf("no handshake: %v", err)
	}
	feed(nc, bytes.Clone(input), piece)
	if want.middle {
		nc.Close()
	}
	end := within(t, "Close", z.ended)
	reading.Wait() // what the server has written comes still
	z.judge(t, want, end, written)
}

// judge compares what came about with what must.
func (z *fuzzed) judge(t *testing.T, want outcome, end *CloseError, written []wireFrame) {
	// A peer that has gone before it had its pong may have been given up before what it sent last was looked at.
	unread := want.middle && errors.Is(end.Err, io.ErrClosedPipe)
	if len(z.got) != len(want.messages) && !(unread && len(z.got) < len(want.messages)) {
		t.Fatalf("%d messages are delivered, want %d", len(z.got), len(want.messages))
	}
	for i, m := range want.messages[:len(z.got)] {
		if !bytes.Equal(z.got[i], m) {
			t.Fatalf("message %d is %.60q, want %.60q", i, z.got[i], m)
		}
	}
	if want.middle {
		if end.Code != 1006 {
			t.Errorf("closed with %+v", end)
		}
	} else if int(end.Code) != want.code || end.Peer == want.violates {
		t.Errorf("closed with %+v, want %d", end, want.code)
	}
	echoed := 0
	for i, f := range written {
		if f.masked || f.rsv != 0 || !f.fin || f.op == opCont || f.op >= opClosed && len(f.payload) > 125 {
			t.Fatalf("a server must not write %v", f)
		}
		switch {
		case f.op == opClosed:
			if i != len(written)-1 {
				t.Errorf("%d frames behind the closing frame", len(written)-1-i)
			}
			code := 1005
			if len(f.payload) >= 2 {
				code = int(binary.BigEndian.Uint16(f.payload))
			}
			if code != want.code {
				t.Errorf("a closing frame with %d, want %d", code, want.code)
			}
		case f.op < opClosed:
			if echoed >= len(want.messages) || !bytes.Equal(append([]byte{f.op}, f.payload...), want.messages[echoed]) {
				t.Fatalf("echo %d is %v", echoed, f)
			}
			echoed++
		}
	}
	if !want.middle && (echoed != len(want.messages) || len(written) == 0 || written[len(written)-1].op != opClosed) {
		t.Errorf("%d of %d echoes; the last frame is %v", echoed, len(want.messages), written[max(0, len(written)-1):])
	}
}
