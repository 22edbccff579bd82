package bench

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// exchange is what a client sends on an open connection, and what answers it.
type exchange struct {
	name   string
	sent   []byte
	step   int        // bytes of one write; 0: all
	echoes []received // op and payload of the messages that come back, in order
	// messages is how many come back instead of echoes, whatever is in them.
	messages int
	pongs    []string // payloads that come back among them; nil: they don't count
	deaf     bool     // all is sent, or as much as the server takes, before anything is read
	want     string   // codes of the close frame, with a space between two; "": none, it goes on
}

// say is the echo of a text.
func say(texts ...string) (all []received) {
	for _, s := range texts {
		all = append(all, received{op: opText, payload: []byte(s)})
	}
	return all
}

// talk plays x on a connection of its own.
func (h *hostile) talk(x exchange) trial { return h.talkOn(h.open, x) }

// talkOn plays x on a connection that open opens.
func (h *hostile) talkOn(open func() (*villain, error), x exchange) trial {
	t := trial{name: x.name}
	v, err := open()
	if err != nil {
		t.seen = err.Error()
		return t
	}
	defer v.close()
	v.wait(h.o.Patience)
	sent := x.sent
	if x.want == "" {
		sent = append(bytes.Clone(sent), closeFrame(closeNormal, "")...)
	}
	if x.deaf {
		v.wait(time.Second)
		v.pieces(sent, x.step)
		v.wait(h.o.Patience)
	} else {
		go v.pieces(sent, x.step) // ends with the connection
	}
	code, wrong := v.listen(x)
	switch {
	case wrong != "":
		t.seen = wrong
	case code == 0:
		t.seen = "closed without a close frame"
	case x.want == "" && code == closeNormal:
		t.seen, t.ok = "served", true
	default:
		t.seen = fmt.Sprint(code)
		t.ok = slices.Contains(strings.Fields(x.want), t.seen)
	}
	if code == 0 {
		return t
	}
	if end := v.ended(); end != "closed" {
		t.seen, t.ok = t.seen+", "+end, false
	}
	return t
}

// pieces writes b a step at a time.
func (v *villain) pieces(b []byte, step int) {
	if step == 0 {
		step = len(b)
	}
	for len(b) > 0 {
		n := min(step, len(b))
		if v.write(b[:n]) != nil {
			return // it is cut off
		}
		b = b[n:]
	}
}

// listen reads to the close frame, or to the end, and compares. It returns the close
// frame's code, 0 without one, and what is wrong before it.
func (v *villain) listen(x exchange) (code int, wrong string) {
	var message []byte
	var op byte
	echoed, ponged := 0, 0
	for {
		f, err := v.frame()
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return 0, "nothing"
		case err != nil:
			return 0, missing(echoed, ponged, &x)
		case f.op == opPong:
			if x.pongs != nil && (ponged >= len(x.pongs) || x.pongs[ponged] != string(f.payload)) {
				return 0, fmt.Sprintf("a wrong pong %.20q", f.payload)
			}
			ponged++
		case f.op == opPing:
			if v.write(appendMasked(nil, opPong, f.payload, someMask)) != nil {
				return 0, missing(echoed, ponged, &x)
			}
		case f.op == opClose:
			if code = closeNoStatus; len(f.payload) >= 2 {
				code = int(binary.BigEndian.Uint16(f.payload))
			}
			return code, missing(echoed, ponged, &x)
		default:
			if f.op != opContinuation {
				op = f.op
			}
			if message = append(message, f.payload...); !f.fin {
				continue
			}
			if x.messages > 0 {
				echoed++
				continue
			}
			if f.rsv != 0 || echoed >= len(x.echoes) || x.echoes[echoed].op != op || !bytes.Equal(x.echoes[echoed].payload, message) {
				return 0, "a wrong echo"
			}
			message = message[:0]
			echoed++
		}
	}
}

// missing says what did not come before the close frame.
func missing(echoed, ponged int, x *exchange) string {
	switch {
	case echoed < max(len(x.echoes), x.messages):
		return fmt.Sprintf("%d of %d echoes", echoed, max(len(x.echoes), x.messages))
	case x.pongs != nil && ponged < len(x.pongs):
		return fmt.Sprintf("%d of %d pongs", ponged, len(x.pongs))
	}
	return ""
}

// exchanges makes a line of exchanges.
func exchanges(number int, name, expected string, all func(h *hostile) []exchange) line {
	return line{number: number, name: name, expected: expected, try: func(h *hostile) []trial { return each(all(h), h.talk) }}
}

// bad is an exchange that ends with a code, behind a good message.
func bad(name, codes string, frames ...[]byte) exchange {
	return exchange{name: name, sent: append(maskedText([]byte("good")), bytes.Join(frames, nil)...), echoes: say("good"), want: codes}
}

// good is an exchange that is served.
func good(name string, echoes []received, frames ...[]byte) exchange {
	return exchange{name: name, sent: bytes.Join(frames, nil), echoes: echoes}
}

// frameLines are the lines on framing, fragments, control frames, UTF-8 and closing.
func frameLines() []line {
	return []line{
		exchanges(20, "a frame without a mask", "1002", func(*hostile) []exchange {
			return []exchange{bad("text", "1002", []byte("\x81\x02hi")), bad("empty", "1002", []byte("\x81\x00")), bad("ping", "1002", []byte("\x89\x00"))}
		}),
		exchanges(21, "reserved bits", "1002", func(*hostile) (all []exchange) {
			for bit := byte(1); bit < 8; bit++ {
				for _, op := range []byte{opText, opPing, opClose} {
					all = append(all, bad(fmt.Sprintf("RSV %03b of opcode %d", bit, op), "1002", masked(bitFin|bit<<4|op, nil)))
				}
			}
			return all
		}),
		exchanges(22, "reserved opcodes", "1002", func(*hostile) (all []exchange) {
			for _, op := range []byte{3, 4, 5, 6, 7, 11, 12, 13, 14, 15} {
				all = append(all, bad(fmt.Sprintf("opcode %d", op), "1002", masked(bitFin|op, []byte("x"))))
			}
			return all
		}),
		{number: 23, name: "a length in a longer form than need be", expected: "served, or 1002", try: longForms},
		exchanges(24, "lengths with the highest bit set, of 2^63-1, 2^40, limit + 1", "1002; 1009 from the header", func(h *hostile) []exchange {
			return []exchange{
				bad("the highest bit", "1002", lie(0x82, 1<<63)), bad("all bits", "1002", lie(0x82, math.MaxUint64)),
				bad("of a fragment", "1002", masked(0x01, []byte("a")), lie(0x80, 1<<63)),
				bad("2^63-1", "1009", lie(0x82, math.MaxInt64)), bad("2^40", "1009", lie(0x82, 1<<40)),
				bad("limit + 1", "1009", lie(0x82, uint64(h.o.MaxMessage)+1)),
			}
		}),
		exchanges(26, "headers cut at each byte, 1-byte segments, 10,000 frames in a segment", "the same echoes", cutFrames),
		exchanges(27, "masks of zero, all alignments, lengths 0 to 300", "exact echoes", func(*hostile) []exchange {
			x := exchange{name: "masks"}
			for n := range 301 {
				b := bytes.Repeat([]byte{byte(n), 0xa5, 0x5a, byte(n >> 8), 3}, 61)[:n]
				for _, mask := range [][4]byte{{}, {0xff, 0, 0x55, 1}} {
					x.sent = appendMasked(x.sent, opBinary, b, mask)
					x.echoes = append(x.echoes, received{op: opBinary, payload: b})
				}
			}
			return []exchange{x}
		}),
		exchanges(28, "a continuation first, a message within a message", "1002", func(*hostile) []exchange {
			return []exchange{
				bad("continuation first", "1002", masked(0x80, []byte("a"))), bad("not the last", "1002", masked(0x00, []byte("a"))),
				bad("text within text", "1002", masked(0x01, []byte("a")), maskedText([]byte("b"))),
			}
		}),
		exchanges(29, "ping, pong and close between fragments", "answered at once, the message whole", func(*hostile) []exchange {
			x := good("ping and pong", say("abc"), masked(0x01, []byte("a")), masked(0x89, []byte("1")), masked(0x8a, nil), masked(0x00, []byte("b")),
				masked(0x89, []byte("2")), masked(0x80, []byte("c")))
			x.pongs = []string{"1", "2"}
			return []exchange{x, bad("close", "1000", masked(0x01, []byte("lost")), closeFrame(1000, ""))}
		}),
		exchanges(30, "more empty fragments than a message may have", "1008", func(h *hostile) []exchange {
			return []exchange{bad("empty", "1008", masked(0x01, nil), bytes.Repeat(masked(0x00, nil), h.o.MaxFragments))}
		}),
		exchanges(31, "fragments of one byte, as many as may be", "the echo, or 1008", func(h *hostile) []exchange {
			n := h.o.MaxFragments
			b := bytes.Repeat(masked(0x00, []byte("x")), n-2)
			return []exchange{good("one byte each", say(strings.Repeat("x", n)), masked(0x01, []byte("x")), b, masked(0x80, []byte("x")))}
		}),
		exchanges(32, "fragments of the limit, and a byte more", "the echo; 1009", func(h *hostile) []exchange {
			x := strings.Repeat("x", int(h.o.MaxMessage))
			half := len(x) / 2
			return []exchange{
				good("the limit", say(x), masked(0x01, []byte(x[:half])), masked(0x80, []byte(x[half:]))),
				bad("a byte more", "1009", masked(0x01, []byte(x[:half])), masked(0x80, []byte(x[half:]+"x"))),
			}
		}),
		exchanges(35, "control frames of 126 bytes, or in fragments", "1002", func(*hostile) (all []exchange) {
			for name, op := range map[string]byte{"ping": opPing, "pong": opPong, "close": opClose} {
				all = append(all, bad(name+" of 126 bytes", "1002", masked(bitFin|op, make([]byte, 126))), bad(name+" in fragments", "1002", masked(op, nil)))
			}
			return all
		}),
		{number: 36, name: "pings without end from a peer that does not read", expected: "1008", try: func(h *hostile) []trial {
			return []trial{h.talk(exchange{name: "pings", sent: bytes.Repeat(masked(0x89, []byte("flood")), 50_000), want: "1008", deaf: true})}
		}},
		{number: 37, name: "pongs that nobody asked for", expected: "ignored; a flood may be 1008", try: func(h *hostile) []trial {
			return []trial{
				h.talk(good("some", say("good"), bytes.Repeat(masked(0x8a, []byte("unasked")), 20), maskedText([]byte("good")))),
				h.either("a flood", "1008", bytes.Repeat(masked(0x8a, []byte("unasked")), 20_000)),
			}
		}},
		exchanges(38, "a ping behind a large message that is not read", "the pong and the echo", func(h *hostile) []exchange {
			b := bytes.Repeat([]byte("0123456789abcdef"), int(h.o.MaxMessage/16))
			x := good("ping", []received{{op: opBinary, payload: b}}, appendMasked(nil, opBinary, b, someMask), masked(0x89, []byte("?")))
			x.pongs = []string{"?"}
			return []exchange{x}
		}),
		exchanges(39, "UTF-8 at its boundaries, cut everywhere, in reasons too", "echoed; 1007", utf8Cases),
		exchanges(40, "a bad byte in a message that is not whole", "1007 at once", func(*hostile) []exchange {
			return []exchange{
				bad("in the first fragment", "1007", masked(0x01, []byte("good\xffnever"))),
				bad("in half a frame", "1007", masked(0x81, append([]byte("good\xed\xa0"), make([]byte, 70_000)...))[:1000]),
				bad("across fragments", "1007", masked(0x01, []byte("good\xe2")), masked(0x00, []byte{0x28})),
			}
		}),
		exchanges(41, "text that ends inside a character; binary with bad UTF-8", "1007; echoed", func(*hostile) []exchange {
			return []exchange{
				bad("a frame", "1007", maskedText([]byte("\xe2\x82"))), bad("fragments", "1007", masked(0x01, []byte("\xe2")), masked(0x80, []byte{0x82})),
				good("binary", []received{{op: opBinary, payload: []byte("\xff\xe2\x82")}}, masked(0x82, []byte("\xff\xe2\x82"))),
			}
		}),
		exchanges(43, "close codes, and a close frame of one byte", "echoed, or 1002", closeCodes),
		exchanges(44, "a reason that is not UTF-8", "1007", func(*hostile) []exchange {
			return []exchange{bad("reason", "1007", closeFrame(1000, "bad \xff"))}
		}),
		exchanges(45, "frames behind the close frame", "one close frame, and nothing else", func(*hostile) []exchange {
			return []exchange{
				bad("messages and pings", "1000", closeFrame(1000, ""), maskedText([]byte("lost")), masked(0x89, nil)),
				bad("another close, and garbage", "1000", closeFrame(1000, ""), closeFrame(1001, ""), []byte{0xff, 0xff, 0xff}),
			}
		}),
		exchanges(48, "a close frame behind large messages that are not read", "all echoes, then 1000", func(h *hostile) []exchange {
			b := bytes.Repeat([]byte("y"), int(h.o.MaxMessage/2))
			m := appendMasked(nil, opBinary, b, someMask)
			r := received{op: opBinary, payload: b}
			return []exchange{good("two", []received{r, r}, m, m)}
		}),
	}
}

// longForms is the line on lengths that could be shorter.
func longForms(h *hostile) []trial {
	b16 := slices.Concat([]byte{0x81, 0xfe, 0, 2}, someMask[:], maskedText([]byte("hi"))[6:])
	b64 := append(lie(0x81, 2), maskedText([]byte("hi"))[6:]...)
	return []trial{h.eitherEcho("16 bits", "1002", say("hi"), b16), h.eitherEcho("64 bits", "1002", say("hi"), b64)}
}

// either is served, or ends with a code.
func (h *hostile) either(name, code string, frames ...[]byte) trial {
	return h.eitherEcho(name, code, nil, frames...)
}

func (h *hostile) eitherEcho(name, code string, echoes []received, frames ...[]byte) trial {
	if t := h.talk(good(name, echoes, frames...)); t.ok {
		return t
	}
	return h.talk(exchange{name: name, sent: bytes.Join(frames, nil), want: code})
}

// cutFrames are messages of all forms, whole and in pieces.
func cutFrames(*hostile) (all []exchange) {
	var sent []byte
	var echoes []received
	for _, n := range []int{0, 1, 125, 126, 300} {
		b := bytes.Repeat([]byte{'z'}, n)
		sent = appendMasked(sent, opText, b, someMask)
		echoes = append(echoes, received{op: opText, payload: b})
	}
	for at := 1; at < 30; at++ {
		all = append(all, exchange{name: fmt.Sprintf("steps of %d", at), sent: sent, echoes: echoes, step: at})
	}
	many := exchange{name: "10,000 frames"}
	for i := range 10_000 {
		b := fmt.Append(nil, i)
		many.sent = appendMasked(many.sent, opText, b, someMask)
		many.echoes = append(many.echoes, received{op: opText, payload: b})
	}
	return append(all, many)
}

// utf8Cases are the boundaries of UTF-8.
func utf8Cases(*hostile) (all []exchange) {
	for _, r := range []rune{0x7f, 0x80, 0x7ff, 0x800, 0xd7ff, 0xe000, 0xfffd, 0xffff, 0x10000, 0x10ffff} {
		s := "ab" + string(r) + "c"
		for cut := range len(s) + 1 {
			all = append(all, good(fmt.Sprintf("%U cut at %d", r, cut), say(s), masked(0x01, []byte(s[:cut])), masked(0x80, []byte(s[cut:]))))
		}
	}
	for _, s := range []string{"\x80", "\xc0\x80", "\xc1\xbf", "\xc2", "\xe0\x80\x80", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xed\xbf\xbf", "\xf0\x80\x80\x80", "\xf0\x8f\xbf\xbf",
		"\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xfe", "\xff"} {
		if utf8.ValidString(s) {
			panic("bench: valid after all")
		}
		all = append(all, bad(fmt.Sprintf("% x", s), "1007", maskedText([]byte("ab"+s))), bad(fmt.Sprintf("% x in a reason", s), "1007", closeFrame(1000, s)))
		for cut := 1; cut < len(s); cut++ {
			all = append(all, bad(fmt.Sprintf("% x cut at %d", s, cut), "1007", masked(0x01, []byte(s[:cut])), masked(0x80, []byte(s[cut:]))))
		}
	}
	return all
}

// closeCodes are those that may be sent, and those that may not.
func closeCodes(*hostile) []exchange {
	all := []exchange{bad("one byte", "1002", masked(bitFin|opClose, []byte{3})), bad("none", "1005 1000", masked(bitFin|opClose, nil))}
	for _, code := range []int{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999} {
		all = append(all, bad(fmt.Sprint(code), fmt.Sprint(code), closeFrame(code, "why")))
	}
	for _, code := range []int{0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535} {
		all = append(all, bad(fmt.Sprint(code), "1002", closeFrame(code, "why")))
	}
	return all
}
