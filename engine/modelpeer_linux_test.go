package engine

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// figure is a peer of the model, and the connection at the other end.
type figure struct {
	w      *world
	fd     int   // -1: closed
	head   int   // length of its request
	polite bool  // it answers pings and closing frames
	atOpen byte  // what Open does
	c      *Conn // nil: refused when it was accepted
	dealt  bool  // it was accepted
	opened atomic.Bool
	closed *CloseError

	pending, wire []byte // what it is to send, and has sent
	ended         bool   // it sends no more
	shutWrite     bool

	// What the program has done.
	said         []*outgoing
	refused      []*outgoing
	partial      *outgoing
	writer       *Writer
	pings, pongs [][]byte
	shuts        []int
	windows      []modelWindow
	killed       bool
	paused       bool
	doing, done  int
	panics       int

	// What the program was told.
	want                   outcome
	heard                  [][]byte
	pingsHeard, pongsHeard [][]byte

	// What the peer has got.
	in                 []byte
	status             int
	eof                bool
	message            []byte // in fragments, so far
	kind               byte   // of it
	next               int    // of said
	nextPing, nextPong int
	lastPub            int
	bidden             bool // farewell: a closing frame has come
	shutWith           int  // its code, 1005 of an empty one; 0: none has come
}

// dial connects another peer.
func (w *world) dial() {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := unix.Connect(fd, &w.sa); err != nil { // nobody listens any more
		unix.Close(fd)
		return
	}
	v := w.tape.byte()
	f := &figure{w: w, fd: fd, polite: v&1 != 0, atOpen: w.tape.byte(), lastPub: -1}
	request := ask("/")
	switch v >> 1 & 7 {
	case 0:
		request = ask("/no")
	case 1:
		request = "POST / HTTP/1.1\r\nHost: a\r\n\r\n"
	}
	f.pending, f.head = []byte(request), len(request)
	w.mu.Lock()
	w.figures = append(w.figures, f)
	w.dialed = append(w.dialed, f)
	w.mu.Unlock()
	f.send(1 + int(v)*4)
}

// frames is what f has sent behind its request.
func (f *figure) frames() []byte { return f.wire[min(f.head, len(f.wire)):] }

// reference is what must become of them.
func (f *figure) reference() outcome {
	return reference(bytes.Clone(f.frames()), fuzzMessageBytes, fuzzFragments)
}

// compose has a message wait to be sent: its first byte says what the program does.
func (f *figure) compose(v byte) {
	n := int(f.w.tape.byte())
	b := append([]byte{v & 0x7f}, bytes.Repeat([]byte{'m'}, n*int(v>>4))...)
	op := byte(1 + v&1)
	if v >= 128 {
		for range v % 4 {
			k := min(1+n, len(b))
			f.pend(maskedFrame(op, b[:k]))
			b, op = b[k:], opCont
		}
	}
	f.pend(maskedFrame(0x80|op, b))
}

func (f *figure) composeControl(v byte) {
	b := fmt.Appendf(nil, "%03d%.*s", len(f.wire)%1000, v%100, "............................................................................................................")
	switch {
	case v < 120:
		f.pend(maskedFrame(0x80|opPinged, b))
	case v < 200:
		f.pend(maskedFrame(0x80|opPonged, b))
	case v < 210:
		f.pend(maskedFrame(0x80|opClosed, closePayload(990+int(v%20)*2, "bye")))
	case v < 215:
		f.pend(maskedFrame(0x80|opClosed, nil))
	default:
		f.pend(header(0x82, uint64(v)*1000))
	}
}

// composeAnything takes bytes as they are.
func (f *figure) composeAnything() {
	var b []byte
	for range f.w.tape.byte() % 16 {
		b = append(b, f.w.tape.byte())
	}
	f.pend(b)
}

func (f *figure) pend(b []byte) {
	if len(f.pending)+len(b) < 1<<16 {
		f.pending = append(f.pending, b...)
	}
}

// send sends n bytes of what is pending, as far as the socket takes them.
func (f *figure) send(n int) {
	if f.fd < 0 || f.ended || len(f.pending) == 0 {
		return
	}
	f.w.mu.Lock()
	defer f.w.mu.Unlock()
	k, err := unix.SendmsgN(f.fd, f.pending[:min(n, len(f.pending))], nil, nil, unix.MSG_NOSIGNAL)
	switch {
	case err == nil:
		f.wire = append(f.wire, f.pending[:k]...)
		f.pending = f.pending[k:]
	case errors.Is(err, unix.EBADF):
		f.w.t.Error("a descriptor was closed that is the peer's")
	case !errors.Is(err, unix.EAGAIN):
		f.ended = true
	}
}

// receive reads, and looks at what has come.
func (f *figure) receive(n int) (more bool) {
	if f.fd < 0 || f.eof {
		return false
	}
	b := make([]byte, n)
	k, err := unix.Read(f.fd, b)
	f.w.mu.Lock()
	defer f.w.mu.Unlock()
	switch {
	case errors.Is(err, unix.EBADF):
		f.w.t.Error("a descriptor was closed that is the peer's")
		return false
	case errors.Is(err, unix.EAGAIN):
		return false
	case err != nil:
		f.eof = true
		return false
	case k == 0:
		f.eof = true
		f.over()
		return false
	}
	f.in = append(f.in, b[:k]...)
	if f.status == 0 {
		f.answer()
	}
	for f.status == http.StatusSwitchingProtocols && f.parse() {
	}
	return true
}

// over looks at where the stream ended.
func (f *figure) over() {
	if f.bidden && len(f.in) > 0 && f.in[0] != 0x80|opPonged { // a socket that is closed at once may have taken half a pong
		f.w.t.Errorf("%d bytes behind the closing frame, which are no frame", len(f.in))
	}
}

// answer reads the answer to the request.
func (f *figure) answer() {
	at := bytes.Index(f.in, []byte("\r\n\r\n"))
	if at < 0 {
		return
	}
	r, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(f.in[:at+4])), &http.Request{Method: "GET"})
	if err != nil {
		f.w.t.Errorf("answered with %q: %v", f.in[:at], err)
		return
	}
	if f.status = r.StatusCode; f.status == http.StatusSwitchingProtocols {
		f.in = f.in[at+4:]
	}
}

// parse takes one frame, if it is whole.
func (f *figure) parse() bool {
	r := bytes.NewReader(f.in)
	fr, err := readWire(r)
	if err != nil {
		if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			f.w.t.Error(err)
		}
		return false
	}
	f.in = f.in[len(f.in)-r.Len():]
	if f.bidden && (fr.op != opPonged || !f.pinged(fr.payload)) { // RFC 6455, 5.5.2, wants the answer until the peer has closed
		f.w.t.Errorf("%v behind the closing frame", fr)
		return false
	}
	f.bidden = f.bidden || fr.op == opClosed
	f.look(fr)
	return true
}

// look holds a frame to what the program has sent.
func (f *figure) look(fr wireFrame) {
	t := f.w.t
	if fr.masked || fr.rsv != 0 || fr.op >= opClosed && (!fr.fin || len(fr.payload) > 125) || (fr.op == opCont) != (f.kind != 0) && fr.op < opClosed {
		t.Errorf("a server must not write %v, within a message: %t", fr, f.kind != 0)
		return
	}
	switch fr.op {
	case opPinged:
		if len(fr.payload) > 0 { // otherwise it is to keep alive
			f.nextPing = f.inOrder("ping", f.pings, f.nextPing, fr.payload)
		}
		if f.polite {
			f.pend(maskedFrame(0x80|opPonged, fr.payload))
		}
	case opPonged:
		if f.nextPong < len(f.pongs) && bytes.Equal(f.pongs[f.nextPong], fr.payload) {
			f.nextPong++
		} else if !f.pinged(fr.payload) {
			t.Errorf("pong %.10q answers nothing, and %d was to be sent of %d", fr.payload, f.nextPong, len(f.pongs))
		}
	case opClosed:
		if f.shutWith = 1005; len(fr.payload) >= 2 {
			f.shutWith = int(binary.BigEndian.Uint16(fr.payload))
		}
		if f.polite {
			f.pend(maskedFrame(0x88, fr.payload))
		}
	default:
		if f.kind == 0 {
			f.kind = fr.op
		}
		if f.message = append(f.message, fr.payload...); fr.fin {
			f.got(Kind(f.kind), f.message)
			f.kind, f.message = 0, nil
		}
	}
}

// pinged reports whether f has sent a ping of b. Of several that wait only the newest need be answered: RFC 6455, 5.5.3.
func (f *figure) pinged(b []byte) bool {
	same := func(sent []byte) bool { return bytes.Equal(sent, b) }
	if !slices.ContainsFunc(f.want.pings, same) {
		f.want = f.reference()
	}
	return slices.ContainsFunc(f.want.pings, same)
}

func (f *figure) inOrder(what string, sent [][]byte, next int, b []byte) int {
	if next >= len(sent) || !bytes.Equal(sent[next], b) {
		f.w.t.Errorf("%s %d is %.10q", what, next, b)
		return next
	}
	return next + 1
}

// got is a whole message at the peer.
func (f *figure) got(k Kind, b []byte) {
	t := f.w.t
	if len(b) < 7 {
		t.Errorf("the peer got %.10q, which nobody sent", b)
		return
	}
	var n int
	fmt.Sscanf(string(b[1:7]), "%06d", &n)
	if b[0] != 's' {
		f.gotPublication(n, b)
		return
	}
	for f.next < n && !f.w.strict { // those between were dropped
		f.next++
	}
	switch {
	case n != f.next:
		t.Errorf("the peer got message %d, want %d", n, f.next)
	case n >= len(f.said):
		t.Errorf("the peer got message %d of %d", n, len(f.said))
	case f.said[n].kind != k || !f.said[n].whole || !bytes.Equal(f.said[n].data, b):
		t.Errorf("message %d came as %v of %d bytes, sent was %v of %d, all of it: %t", n, k, len(b), f.said[n].kind, len(f.said[n].data), f.said[n].whole)
	default:
		f.said[n].seen = true
		f.next = n + 1
	}
}

func (f *figure) gotPublication(n int, b []byte) {
	t := f.w.t
	if n >= len(f.w.pubs) || !bytes.Equal(f.w.pubs[n].data, b) {
		t.Errorf("the peer got %.10q, which nobody published", b)
		return
	}
	if n <= f.lastPub {
		t.Errorf("publication %d comes behind %d", n, f.lastPub)
	}
	f.lastPub = n
	for _, win := range f.windows {
		if win.topic == f.w.pubs[n].topic && n >= win.from && (win.to < 0 || n < win.to) {
			return
		}
	}
	t.Errorf("publication %d comes to who did not subscribe: %v", n, f.windows)
}

// shutAsTold holds the closing frame, which may come before Close is called or after, to what Close was told.
func (f *figure) shutAsTold() {
	code, e := f.shutWith, f.closed
	if code == 0 || e == nil || e.Code == StatusAbnormalClosure || int(e.Code) == code {
		return
	}
	// The answer to the peer's frame waits for its turn behind callbacks: who closes before that sends a code of its own.
	if !e.Peer || !slices.Contains(f.shuts, code) && !slices.Contains([]int{1001, 1008, 1011, 1013}, code) {
		f.w.t.Errorf("a closing frame with %d, but Close was told %v", code, e)
	}
}

// finish ends what the peer sends.
func (f *figure) finish() {
	if f.fd >= 0 && !f.shutWrite {
		f.ended, f.shutWrite = true, true
		_ = unix.Shutdown(f.fd, unix.SHUT_WR) // it may be cut off already
	}
}

// hangUp closes the peer's socket: with bytes that it has not read that is a reset.
func (f *figure) hangUp() {
	if f.fd < 0 {
		return
	}
	if err := unix.Close(f.fd); err != nil {
		f.w.t.Errorf("close of the peer's descriptor: %v", err)
	}
	f.fd, f.ended = -1, true
}

// owes says what is still to come for f; "" when nothing is.
func (f *figure) owes() string {
	open := f.c != nil && f.opened.Load() && f.closed == nil && f.c.State() == Open
	switch {
	case !f.dealt && !f.eof && f.fd >= 0: // a listener without descriptors cuts off what waits when it is closed
		return "accept"
	case f.fd >= 0 && f.c != nil && !f.eof && f.status == 0 && len(f.wire) >= f.head:
		return "an answer"
	case f.fd >= 0 && f.status == http.StatusSwitchingProtocols && !f.opened.Load():
		return "Open"
	case f.doing != f.done:
		return fmt.Sprintf("%d of %d functions of Do", f.doing-f.done, f.doing)
	case !open && f.opened.Load() && f.closed == nil && f.ended:
		return "Close, since the peer has ended"
	case !open:
		return ""
	}
	return f.owesOpen()
}

// owesOpen is owes of an open connection.
func (f *figure) owesOpen() string {
	want := f.reference()
	last := -1
	for _, win := range f.windows {
		if win.to < 0 && f.w.strict && !win.lossy {
			for n, p := range f.w.pubs[win.from:] {
				if p.topic == win.topic {
					last = max(last, win.from+n)
				}
			}
		}
	}
	switch {
	case f.paused:
		return "Resume"
	case f.ended || want.code != 0:
		return "Close"
	case f.fd >= 0 && len(f.pending) > 0:
		return "reading"
	case len(f.heard) < len(want.messages):
		return fmt.Sprintf("message %d of %d", len(f.heard), len(want.messages))
	case len(f.pingsHeard) < len(want.pings) || len(f.pongsHeard) < want.pongs: // while they wait nobody is taken for dead
		return "Ping or Pong"
	case f.begun() != nil:
		return "the last fragment"
	case f.w.strict && f.next < len(f.said):
		return fmt.Sprintf("message %d of %d at the peer", f.next, len(f.said))
	case f.nextPing < len(f.pings) || f.nextPong < len(f.pongs):
		return "a ping or pong at the peer"
	case f.lastPub < last:
		return fmt.Sprintf("publication %d at the peer, which has %d", last, f.lastPub)
	}
	for _, m := range f.said {
		if m.asked && m.told == 0 {
			return "Done"
		}
	}
	return ""
}

// ended looks at all that came about, when the server is closed.
func (w *world) ended() {
	for i, f := range w.figures {
		for f.receive(1 << 16) {
		}
		f.hangUp()
		f.shutAsTold()
		if f.status != 0 && f.status != http.StatusSwitchingProtocols && f.opened.Load() {
			w.t.Errorf("figure %d: Open after %d", i, f.status)
		}
		if f.doing != f.done {
			w.t.Errorf("figure %d: %d of %d functions of Do did not run", i, f.doing-f.done, f.doing)
		}
		for n, m := range f.said {
			if want := choose(m.asked, 1, 0); m.told != want {
				w.t.Errorf("figure %d: Done of message %d was called %d times", i, n, m.told)
			}
			if m.asked && m.seen && m.err != nil {
				w.t.Errorf("figure %d: message %d is at the peer, but its sender was told %v", i, n, m.err)
			}
		}
		for _, m := range f.refused {
			if m.told != 0 {
				w.t.Errorf("figure %d: Done of a send that failed", i)
			}
		}
	}
	for i := range w.topics {
		if n := w.topics[i].Len(); n != 0 {
			w.t.Errorf("topic %d has %d subscribers", i, n)
		}
	}
}
