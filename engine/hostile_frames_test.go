package engine

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"unicode/utf8"
)

// fed is what a peer sends on an open connection, and the code of the closing frame that answers it; 0: none, the
// echoes are want.
type fed struct {
	name string
	sent []byte
	code int
	want []string // texts echoed before
}

// feeds sends each on a connection of its own and wants one closing frame and the end, while witnesses are served.
func feeds(t *testing.T, o *Options, all []fed) {
	t.Helper()
	for _, r := range []rig{{loops: 2, door: listened}, {loops: 2, door: listened, inline: true}, {loops: 1, door: attached, inline: true, streams: true}} {
		t.Run(r.String(), func(t *testing.T) {
			h, ended := ends(echo)
			s := r.serve(t, Handler{}, o)
			s.Handle("/good", s.rules.hold(echo))
			s.Handle("/", s.rules.hold(h))
			w := s.witnesses("/good")
			for _, f := range all {
				t.Run(f.name, func(t *testing.T) {
					p := newPeer(t, s.dial().nc)
					p.shake("/")
					go func() { _, _ = p.nc.Write(f.sent) }() // it may be cut off
					for _, want := range f.want {
						p.wantText(want)
					}
					if f.code == 0 {
						p.closing()
						within(t, "Close", ended)
						return
					}
					got := p.frame()
					if got.op != opClosed || len(got.payload) < 2 || int(binary.BigEndian.Uint16(got.payload)) != f.code {
						t.Fatalf("got %v, want a closing frame with %d", got, f.code)
					}
					p.gone()
					if e := within(t, "Close", ended); int(e.Code) != f.code || e.Peer || e.Err == nil {
						t.Errorf("got %+v", e)
					}
				})
			}
			w.alive(t)
		})
	}
}

// text is a whole masked text frame.
func text(s string) []byte { return maskedFrame(0x81, []byte(s)) }

// header is a masked frame's header that declares n bytes in the 64-bit form.
func header(b0 byte, n uint64) []byte {
	return append(binary.BigEndian.AppendUint64([]byte{b0, 0xff}, n), 1, 2, 3, 4)
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func TestHostile20Unmasked(t *testing.T) {
	feeds(t, nil, []fed{
		{"text", []byte("\x81\x02hi"), 1002, nil},
		{"empty", []byte("\x81\x00"), 1002, nil},
		{"ping", []byte("\x89\x00"), 1002, nil},
		{"close", []byte("\x88\x00"), 1002, nil},
		{"behind a good one", join(text("good"), []byte("\x81\x02hi")), 1002, []string{"good"}},
		{"continuation", join(maskedFrame(0x01, []byte("a")), []byte("\x80\x01b")), 1002, nil},
	})
}

func TestHostile21ReservedBits(t *testing.T) {
	var all []fed
	for rsv := byte(1); rsv < 8; rsv++ {
		for _, op := range []byte{opText, opBinary, opPinged, opPonged, opClosed} {
			all = append(all, fed{fmt.Sprintf("RSV %03b of %d", rsv, op), join(text("good"), maskedFrame(0x80|rsv<<4|op, nil)), 1002, []string{"good"}})
		}
		all = append(all, fed{fmt.Sprintf("RSV %03b of a continuation", rsv), join(maskedFrame(0x01, nil), maskedFrame(0x80|rsv<<4, nil)), 1002, nil})
	}
	feeds(t, nil, all)
}

func TestHostile22ReservedOpcodes(t *testing.T) {
	var all []fed
	for _, op := range []byte{3, 4, 5, 6, 7, 11, 12, 13, 14, 15} {
		for _, fin := range []byte{0, 0x80} {
			all = append(all, fed{fmt.Sprintf("opcode %d, fin %d", op, fin>>7), join(text("good"), maskedFrame(fin|op, []byte("x"))), 1002, []string{"good"}})
		}
	}
	feeds(t, nil, all)
}

// longForms are "hi" with lengths that are longer than need be.
var longForms = map[string][]byte{
	"16 bits": join([]byte{0x81, 0xfe, 0, 2, 0, 0, 0, 0}, []byte("hi")),
	"64 bits": join([]byte{0x81, 0xff, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0}, []byte("hi")),
}

func TestHostile23LongForms(t *testing.T) {
	for name, b := range longForms {
		feeds(t, nil, []fed{{name, b, 0, []string{"hi"}}})
		feeds(t, &Options{StrictLength: true}, []fed{{name + ", strictly", b, 1002, nil}})
	}
}

func TestHostile24LengthMSB(t *testing.T) {
	feeds(t, nil, []fed{
		{"only the MSB", header(0x82, 1<<63), 1002, nil},
		{"all bits", header(0x82, 1<<64-1), 1002, nil},
		{"of a fragment", join(maskedFrame(0x01, []byte("a")), header(0x80, 1<<63)), 1002, nil},
		{"2^63-1", header(0x82, 1<<63-1), 1009, nil},
		{"2^63-1 of a fragment", join(maskedFrame(0x01, []byte("a")), header(0x80, 1<<63-1)), 1009, nil},
		{"2^40", header(0x82, 1<<40), 1009, nil},
		{"2^32", header(0x82, 1<<32), 1009, nil},
		{"limit + 1", header(0x82, 1<<20+1), 1009, nil},
		{"limit + 1 in fragments", join(maskedFrame(0x01, []byte("a")), header(0x80, 1<<20)), 1009, nil},
		{"behind a good one", join(text("good"), header(0x82, 1<<63)), 1002, []string{"good"}},
	})
}

// A header that is refused takes no memory for what it declares.
func TestHostile24NoMemory(t *testing.T) {
	s := rig{loops: 1, door: listened, inline: true}.serve(t, echo, &Options{MaxMessageBytes: 1 << 30})
	p := s.open()
	p.write(append(header(0x82, 1<<30), make([]byte, 100)...))
	c := s.only()
	held := make(chan int, 1)
	eventually(t, "the bytes have come", func() bool {
		c.Do(func() {
			n := 0
			if c.in != nil {
				n = cap(c.in.dec.Held())
			}
			held <- n
		})
		n := <-held
		if n > 64<<10 {
			t.Fatalf("%d bytes are held for 100 that came", n)
		}
		return n > 0
	})
}

func TestHostile26FramesInOneSegment(t *testing.T) {
	for _, r := range []rig{{loops: 1, door: listened}, {loops: 1, door: listened, inline: true}} {
		s := r.serve(t, echo, nil)
		p := s.open()
		go p.write(numbered(10_000))
		for i := range 10_000 {
			p.wantText(fmt.Sprint(i))
		}
		p.closing()
	}
}

func TestHostile27Masks(t *testing.T) {
	s := rig{loops: 1, door: listened, inline: true}.serve(t, echo, nil)
	p := s.open()
	var all []byte
	var want [][]byte
	for n := range 301 {
		for _, mask := range [][4]byte{{}, {0xff, 0, 0x55, 1}} {
			b := blob(n)
			all = appendMasked(all, 0x82, mask, b)
			want = append(want, b)
		}
	}
	go p.write(all)
	for _, b := range want {
		p.want(opBinary, b)
	}
	p.closing()
}

func TestHostile28Fragments(t *testing.T) {
	feeds(t, nil, []fed{
		{"continuation first", maskedFrame(0x80, []byte("a")), 1002, nil},
		{"continuation first, not the last", maskedFrame(0x00, []byte("a")), 1002, nil},
		{"continuation behind a whole message", join(text("good"), maskedFrame(0x80, nil)), 1002, []string{"good"}},
		{"text within text", join(maskedFrame(0x01, []byte("a")), text("b")), 1002, nil},
		{"binary within text", join(maskedFrame(0x01, []byte("a")), maskedFrame(0x02, nil)), 1002, nil},
		{"text within empty fragments", join(maskedFrame(0x01, nil), maskedFrame(0x00, nil), text("b")), 1002, nil},
	})
}

func TestHostile29ControlBetweenFragments(t *testing.T) {
	eachEnd(t, func(t *testing.T, r rig) {
		s := r.serve(t, echo, nil)
		p := s.open()
		p.write(join(maskedFrame(0x01, []byte("a")), maskedFrame(0x89, []byte("1"))))
		p.want(opPonged, []byte("1")) // at once
		p.write(join(maskedFrame(0x8a, nil), maskedFrame(0x00, []byte("b")), maskedFrame(0x89, []byte("2")), maskedFrame(0x80, []byte("c"))))
		p.want(opPonged, []byte("2"))
		p.wantText("abc")
		p.write(join(maskedFrame(0x01, []byte("lost")), maskedFrame(0x88, closePayload(1000, ""))))
		p.wantClose(1000)
		p.gone()
	})
}

func TestHostile30EmptyFragments(t *testing.T) {
	empty := maskedFrame(0x00, nil)
	feeds(t, &Options{MaxFragments: 1000}, []fed{
		{"at the cap", join(maskedFrame(0x01, []byte("a")), bytes.Repeat(empty, 998), maskedFrame(0x80, []byte("b"))), 0, []string{"ab"}},
		{"one more", join(maskedFrame(0x01, nil), bytes.Repeat(empty, 1000)), 1008, nil},
		{"100,000", join(maskedFrame(0x01, nil), bytes.Repeat(empty, 100_000)), 1008, nil},
	})
	feeds(t, nil, []fed{
		{"the default cap", join(maskedFrame(0x01, nil), bytes.Repeat(empty, DefaultMaxFragments)), 1008, nil},
	})
	feeds(t, &Options{MaxFragments: -1}, []fed{
		{"no cap", join(maskedFrame(0x01, nil), bytes.Repeat(empty, 50_000), maskedFrame(0x80, []byte("x"))), 0, []string{"x"}},
	})
}

func TestHostile32Limit(t *testing.T) {
	const limit = 5000
	x := strings.Repeat("x", limit)
	thirds := func(s string) []byte {
		return join(maskedFrame(0x01, []byte(s[:1700])), maskedFrame(0x00, nil), maskedFrame(0x00, []byte(s[1700:3400])), maskedFrame(0x80, []byte(s[3400:])))
	}
	feeds(t, &Options{MaxMessageBytes: limit}, []fed{
		{"at the limit", text(x), 0, []string{x}},
		{"at the limit in fragments", thirds(x), 0, []string{x}},
		{"one over", text(x + "x"), 1009, nil},
		{"one over, by the header alone", header(0x81, limit+1), 1009, nil},
		{"one over in fragments", thirds(x + "x"), 1009, nil},
		{"many at the limit", join(text(x), thirds(x), text(x)), 0, []string{x, x, x}},
	})
}

func TestHostile35ControlFrames(t *testing.T) {
	var all []fed
	for name, op := range map[string]byte{"ping": opPinged, "pong": opPonged, "close": opClosed} {
		long := append([]byte{0x80 | op, 0xfe, 0, 126, 0, 0, 0, 0}, make([]byte, 126)...)
		all = append(all,
			fed{name + " of 126 bytes", long, 1002, nil},
			fed{name + " of 126 bytes, by the header", long[:2], 1002, nil},
			fed{name + " of 2^63 bytes", header(0x80|op, 1<<63)[:2], 1002, nil},
			fed{name + " in fragments", maskedFrame(op, nil), 1002, nil},
			fed{name + " in fragments within a message", join(maskedFrame(0x01, nil), maskedFrame(op, []byte("x"))), 1002, nil},
		)
	}
	feeds(t, nil, all)
}

// A flood of pongs and pings is ended, and is only bytes where there is no limit.
func TestHostile37PongFlood(t *testing.T) {
	most := DefaultMaxControlsPerSecond * controlBurst
	feeds(t, nil, []fed{
		{"pongs", join(text("good"), bytes.Repeat(maskedFrame(0x8a, []byte("unasked!")), 20_000)), 1008, []string{"good"}},
		{"as many pongs as may be", join(bytes.Repeat(maskedFrame(0x8a, nil), most), text("good")), 0, []string{"good"}},
		{"within a message", join(maskedFrame(0x01, nil), bytes.Repeat(maskedFrame(0x8a, nil), 2000)), 1008, nil},
	})
	s := usual.serve(t, echo, &Options{MaxControlsPerSecond: -1})
	p := s.open()
	go func() {
		p.write(bytes.Repeat(maskedFrame(0x8a, []byte("unasked!")), 20_000))
		p.write(bytes.Repeat(maskedFrame(0x89, []byte("asked")), 2000))
		p.write(text("alive"))
	}()
	for {
		f := p.frame()
		if f.op == opPonged && string(f.payload) == "asked" {
			continue
		}
		if f.op != opText || string(f.payload) != "alive" {
			t.Fatalf("got %v", f)
		}
		break
	}
	p.closing()
}

// invalid are byte sequences that are not UTF-8, and valid ones at the boundaries, both from unicode/utf8.
func sequences() (valid, invalid [][]byte) {
	for _, r := range []rune{0, 0x7f, 0x80, 0x7ff, 0x800, 0xfff, 0x1000, 0xcfff, 0xd000, 0xd7ff, 0xe000, 0xfffd, 0xffff, 0x10000, 0x3ffff, 0x40000, 0xfffff, 0x100000, 0x10ffff} {
		valid = append(valid, utf8.AppendRune(nil, r))
	}
	for _, b := range [][]byte{
		{0x80}, {0xbf}, {0xc0, 0x80}, {0xc1, 0xbf}, {0xc2}, {0xc2, 0x7f}, {0xc2, 0xc0}, {0xdf, 0x00},
		{0xe0, 0x80, 0x80}, {0xe0, 0x9f, 0xbf}, {0xe1, 0x80}, {0xe1, 0x80, 0x7f}, {0xed, 0xa0, 0x80}, {0xed, 0xbf, 0xbf}, {0xef, 0xbf, 0xc0},
		{0xf0, 0x80, 0x80, 0x80}, {0xf0, 0x8f, 0xbf, 0xbf}, {0xf1, 0x80, 0x80}, {0xf4, 0x90, 0x80, 0x80}, {0xf5, 0x80, 0x80, 0x80}, {0xf8, 0x88, 0x80, 0x80, 0x80}, {0xfe}, {0xff},
	} {
		if utf8.Valid(b) {
			panic("valid after all")
		}
		invalid = append(invalid, b)
	}
	return valid, invalid
}

func TestHostile39UTF8(t *testing.T) {
	valid, invalid := sequences()
	var all []fed
	for _, b := range valid {
		s := "ab" + string(b) + "c"
		for cut := range len(s) + 1 {
			frames := join(maskedFrame(0x01, []byte(s[:cut])), maskedFrame(0x80, []byte(s[cut:])))
			all = append(all, fed{fmt.Sprintf("% x cut at %d", b, cut), frames, 0, []string{s}})
		}
	}
	for _, b := range invalid {
		s := "ab" + string(b)
		all = append(all, fed{fmt.Sprintf("% x", b), text(s), 1007, nil})
		for cut := 2; cut <= len(s); cut++ {
			frames := join(maskedFrame(0x01, []byte(s[:cut])), maskedFrame(0x80, []byte(s[cut:])))
			all = append(all, fed{fmt.Sprintf("% x cut at %d", b, cut), frames, 1007, nil})
		}
	}
	feeds(t, nil, all)
	// In a reason too.
	var reasons []fed
	for _, b := range invalid {
		reasons = append(reasons, fed{fmt.Sprintf("% x as a reason", b), maskedFrame(0x88, closePayload(1000, string(b))), 1007, nil})
	}
	feeds(t, nil, reasons)
}

// The first bad byte is enough: the frame, and the message, need not come to their ends.
func TestHostile40FailFast(t *testing.T) {
	first := maskedFrame(0x01, []byte("good\xffnever"))
	half := maskedFrame(0x81, append([]byte("good\xed\xa0"), make([]byte, 70_000)...))
	feeds(t, nil, []fed{
		{"in the first fragment", first, 1007, nil},
		{"in half a frame", half[:14+6], 1007, nil},
		{"in the second fragment", join(maskedFrame(0x01, []byte("good\xe2")), maskedFrame(0x00, []byte{0x28})), 1007, nil},
		{"deep in a large frame", append(header(0x81, 200_000), append(make([]byte, 100_000), 0xff)...)[:100_015], 1007, nil},
	})
}

func TestHostile41CutAtTheEnd(t *testing.T) {
	feeds(t, nil, []fed{
		{"text", text("good\xe2\x82"), 1007, nil},
		{"fragments", join(maskedFrame(0x01, []byte("good\xe2")), maskedFrame(0x80, []byte{0x82})), 1007, nil},
		{"empty last fragment", join(maskedFrame(0x01, []byte("good\xe2\x82")), maskedFrame(0x80, nil)), 1007, nil},
	})
	s := usual.serve(t, echo, nil)
	p := s.open()
	p.send(opBinary, []byte("\xff\xe2\x82"))
	p.want(opBinary, []byte("\xff\xe2\x82"))
	p.closing()
	s = usual.serve(t, echo, &Options{SkipUTF8: true})
	p = s.open()
	p.sendText("\xff")
	p.wantText("\xff")
	p.closing()
}

// Frames behind a closing frame don't count, on either side.
func TestHostile45DataAfterClose(t *testing.T) {
	eachEnd(t, func(t *testing.T, r rig) {
		var got atomic.Int32
		h, ended := ends(Handler{
			Message: func(c *Conn, _ Message) { got.Add(1); c.Close(4000, "ours") },
			Ping:    func(*Conn, []byte) { t.Error("Ping behind a closing frame") },
		})
		s := r.serve(t, h, nil)
		// Behind theirs.
		p := s.open()
		p.write(join(maskedFrame(0x88, closePayload(1000, "")), text("lost"), maskedFrame(0x89, nil), maskedFrame(0x88, closePayload(1001, "")), []byte{0xff, 0xff}))
		p.wantClose(1000)
		p.gone()
		if e := within(t, "Close", ended); e.Code != 1000 || !e.Clean {
			t.Errorf("got %+v", e)
		}
		if got.Load() != 0 {
			t.Error("a message behind the peer's closing frame is delivered")
		}
		// Behind ours.
		p = s.open()
		p.write(join(text("first"), text("lost"), text("lost")))
		p.wantClose(4000)
		p.sendText("lost")
		p.sendClose(4000, "")
		p.gone()
		if e := within(t, "Close", ended); e.Code != 4000 || !e.Clean {
			t.Errorf("got %+v", e)
		}
		if got.Load() != 1 {
			t.Errorf("%d messages are delivered", got.Load())
		}
	})
}

// A violation behind our own closing frame ends the wait for the peer's.
func TestViolationAfterClose(t *testing.T) {
	eachMode(t, func(t *testing.T, r rig) {
		h, ended := ends(Handler{Open: func(c *Conn) { c.Close(4000, "") }})
		p := r.serve(t, h, nil).open()
		p.wantClose(4000)
		p.write([]byte{0xff, 0xff})
		p.gone()
		if e := within(t, "Close", ended); e.Code != 4000 || e.Clean {
			t.Errorf("got %+v", e)
		}
	})
}
