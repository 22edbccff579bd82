package bench

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
)

// plan is every line that can be tried from outside.
func plan() []line {
	all := append(requestLines(), frameLines()...)
	return append(all, faultLines()...)
}

// faultLines are the lines on silence, floods, ends and TLS.
func faultLines() []line {
	return []line{
		{number: 14, name: "silence, half a request, a byte at a time", expected: "closed by a deadline", long: true, try: silence},
		{number: 19, name: "what is no TLS, and TLS that goes nowhere", expected: "an alert, or closed", try: noTLS},
		{number: 25, name: "a frame of 1 MiB at a byte a second", expected: "1008", long: true, try: dribble},
		{number: 34, name: "a message that is begun, and then nothing", expected: "1008", long: true, try: unfinished},
		{number: 46, name: "a peer that ignores the close frame", expected: "cut off", long: true, try: ignoresClose},
		{number: 50, name: "a compressed message of 260 KB that is 256 MB", expected: "1009", try: bombs},
		{number: 51, name: "compressed data that is corrupt", expected: "1007", try: corrupt},
		{number: 52, name: "the bit of compression where it may not be", expected: "1002", try: rsv1Frames},
		{number: 53, name: "compressed messages that are empty, or of several blocks", expected: "decoded", try: emptyDeflated},
		{number: 58, name: "a peer that asks for much and reads nothing", expected: "not read from any more, or closed", try: deafPeer},
		{number: 60, name: "many connections at once", expected: "101, refused, or closed", try: flood},
		{number: 64, name: "RST in each state", expected: "the server goes on", try: resets},
		{number: 65, name: "FIN after a message, and within a frame", expected: "the echo, then closed; closed", try: fins},
		{number: 82, name: "an urgent byte in the stream", expected: "the echo, or 1002", try: urgentByte},
	}
}

// silence waits for the deadline of the opening handshake.
func silence(h *hostile) []trial {
	head := h.head()
	type quiet struct {
		name, sent string
		slowly     bool
	}
	all := []quiet{{"nothing", "", false}, {"half a request", head[:len(head)/2], false}, {"all but the last line feed", head[:len(head)-1], false}, {"a byte at a time", head, true}}
	return each(all, func(q quiet) trial {
		return h.on(q.name, h.dial, func(v *villain) (string, bool) {
			start := time.Now()
			if q.slowly {
				go v.slowly([]byte(q.sent), time.Second) // ends with the connection
			} else if v.write([]byte(q.sent)) != nil {
				return "closed at once", false
			}
			end := v.endedRaw()
			return after(end, start), end == "closed"
		})
	})
}

// slowly writes a byte at a time.
func (v *villain) slowly(b []byte, pause time.Duration) {
	for i := range b {
		if v.write(b[i:i+1]) != nil {
			return // it is cut off
		}
		time.Sleep(pause) // it is what a slow peer does
	}
}

// endedRaw is ended, whatever the server says before.
func (v *villain) endedRaw() string {
	if _, err := io.Copy(io.Discard, v.br); errors.Is(err, os.ErrDeadlineExceeded) {
		return "left open"
	}
	return "closed"
}

// after says when something was seen, in whole seconds.
func after(what string, start time.Time) string {
	return fmt.Sprintf("%s after %.0f s", what, time.Since(start).Seconds())
}

// noTLS sends a TLS server what is no handshake.
func noTLS(h *hostile) []trial {
	if !h.secure {
		return leftOut("the server speaks no TLS")
	}
	hello := []byte{0x16, 3, 1, 0x40, 0, 1, 0xff, 0xff, 0xff} // a record of 16 KiB, a hello of 16 MiB
	all := []exchange{
		{name: "garbage", sent: bytes.Repeat([]byte("\x00garbage"), 100)},
		{name: "plain HTTP", sent: []byte(h.head())},
		{name: "an SSL 2 hello", sent: append([]byte{0x80, 0x2e, 1, 3, 0, 0, 0x15, 0, 0, 0, 0x10}, make([]byte, 37)...)},
		{name: "an SSL 3 hello", sent: append([]byte{0x16, 3, 0, 0, 0x2d, 1, 0, 0, 0x29, 3, 0}, make([]byte, 39)...)},
		{name: "a hello of 16 MiB", sent: append(hello, make([]byte, 0x4000-4)...)},
		{name: "half a hello", sent: hello[:5]},
	}
	return each(all, func(x exchange) trial {
		tcp, err := h.connect()
		if err != nil {
			return trial{x.name, err.Error(), false}
		}
		defer tcp.Close()
		_ = tcp.SetDeadline(time.Now().Add(h.o.Patience)) // the reads tell
		_, _ = tcp.Write(x.sent)                          // it may be cut off
		b, err := io.ReadAll(io.LimitReader(tcp, 1<<16))
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return trial{x.name, "left open", false}
		case len(b) > 0 && b[0] == 0x15:
			return trial{x.name, "an alert", true}
		}
		return trial{x.name, "closed", true}
	})
}

// dribble sends a byte of a large frame a second.
func dribble(h *hostile) []trial {
	return []trial{h.on("slow frame", h.open, func(v *villain) (string, bool) {
		return v.endsWith("1008", 2*h.o.Patience, func() {
			if v.write(lie(0x82, uint64(h.o.MaxMessage))) == nil {
				v.slowly(make([]byte, 1000), time.Second)
			}
		})
	})}
}

// endsWith plays what is sent, and wants a close frame.
func (v *villain) endsWith(want string, patience time.Duration, send func()) (seen string, ok bool) {
	v.wait(patience)
	start := time.Now()
	go send() // ends with the connection
	code, wrong := v.listen(exchange{})
	if code == 0 {
		orDefault(&wrong, "closed without a close frame")
	}
	if wrong != "" {
		return after(wrong, start), false
	}
	return after(fmt.Sprint(code), start), fmt.Sprint(code) == want
}

// unfinished begins a message and leaves it.
func unfinished(h *hostile) []trial {
	patience := h.o.Patience
	if h.o.Slow {
		patience = max(patience, 75*time.Second)
	} else if patience < 60*time.Second && !slices.Contains(h.o.Lines, 34) {
		return leftOut("it takes a minute, see --slow")
	}
	return []trial{h.on("unfinished", h.open, func(v *villain) (string, bool) {
		return v.endsWith("1008", patience, func() {
			_ = v.write(masked(0x01, []byte("begun"))) // the end tells
		})
	})}
}

// ignoresClose breaks the protocol, and then neither answers the close frame nor ends
// the connection: the server must cut it off.
func ignoresClose(h *hostile) []trial {
	return []trial{h.on("deaf to it", h.open, func(v *villain) (string, bool) {
		v.wait(h.o.Patience)
		start := time.Now()
		for v.write([]byte{0xff, 0x80, 0, 0, 0, 0}) == nil {
			if time.Since(start) > h.o.Patience {
				return "left open", false
			}
			time.Sleep(100 * time.Millisecond) // a write to a socket that is gone is refused
		}
		return after("cut off", start), time.Since(start) < h.o.Patience
	})}
}

// deafPeer sends messages and reads none of the echoes.
func deafPeer(h *hostile) []trial {
	m := appendMasked(nil, opBinary, bytes.Repeat([]byte("d"), int(min(h.o.MaxMessage, 1<<20))), someMask)
	return []trial{h.on("deaf", h.open, func(v *villain) (string, bool) {
		sent, start := 0, time.Now()
		for time.Since(start) < h.o.Patience {
			v.wait(time.Second)
			n, err := v.nc.Write(m)
			sent += n
			if errors.Is(err, os.ErrDeadlineExceeded) {
				return "not read from any more", true
			}
			if err != nil {
				return "closed", true
			}
		}
		return "it takes all, " + FormatBytes(float64(sent)), false
	})}
}

// flood opens many connections as fast as it can.
func flood(h *hostile) []trial {
	return each(make([]int, h.o.Flood), func(int) trial {
		v, err := h.dial()
		if err != nil {
			return trial{"connect", "closed", true}
		}
		defer v.close()
		var refused *RefusedError
		switch _, err := v.shake(h.head()); {
		case err == nil:
			return trial{"upgrade", "101", true}
		case errors.As(err, &refused):
			return trial{"upgrade", strings.Fields(refused.Status)[0], true}
		case errors.Is(err, os.ErrDeadlineExceeded):
			return trial{"upgrade", "nothing", false}
		}
		return trial{"upgrade", "closed", true}
	})
}

// resets ends connections with a RST, in each state many.
func resets(h *hostile) []trial {
	const many = 20
	type state struct {
		name string
		open bool
		sent []byte
	}
	states := []state{
		{"connected", false, nil}, {"half a request", false, []byte(h.head())[:50]}, {"a request", false, []byte(h.head())},
		{"open", true, nil}, {"half a header", true, []byte{0x81}}, {"half a frame", true, maskedText([]byte("half"))[:8]},
		{"half a message", true, masked(0x01, []byte("half"))}, {"a message", true, maskedText([]byte("whole"))},
		{"a close frame", true, closeFrame(1000, "")}, {"a violation", true, []byte{0xff, 0xff}},
	}
	var all []state
	for range many {
		all = append(all, states...)
	}
	trials := each(all, func(s state) trial {
		v, err := h.dial()
		if err == nil && s.open {
			_, err = v.shake(h.head())
		}
		if err != nil {
			return trial{s.name, err.Error(), false}
		}
		_ = v.write(s.sent) // it is about to be reset
		v.reset()
		return trial{s.name, "reset", true}
	})
	return append(trials, h.talk(good("the next one", say("served"), maskedText([]byte("served")))))
}

// fins end what is sent, behind a message and within a frame.
func fins(h *hostile) []trial {
	behind := h.finBehind("behind a message", maskedText([]byte("last words")), true)
	within := h.finBehind("within a frame", maskedText([]byte("half"))[:7], false)
	return []trial{behind, within}
}

func (h *hostile) finBehind(name string, sent []byte, echo bool) trial {
	return h.on(name, h.open, func(v *villain) (string, bool) {
		if err := errors.Join(v.write(sent), v.fin()); err != nil {
			return err.Error(), false
		}
		seen := ""
		if echo {
			if f, err := v.frame(); err != nil || string(f.payload) != "last words" {
				return fmt.Sprintf("no echo: %v", err), false
			}
			seen = "the echo, "
		}
		end := v.endedRaw()
		return seen + end, end == "closed"
	})
}

// urgentByte sends the first byte of a frame as urgent.
func urgentByte(h *hostile) []trial {
	if h.secure {
		return leftOut("below TLS it is only a broken record")
	}
	v, err := h.open()
	if err != nil {
		return []trial{{"urgent", err.Error(), false}}
	}
	defer v.close()
	frame := maskedText([]byte("urgent"))
	if err := sendUrgent(v.tcp, frame[:1]); err != nil {
		return leftOut(err.Error())
	}
	if err := v.write(frame[1:]); err != nil {
		return []trial{{"urgent", err.Error(), false}}
	}
	f, err := v.frame()
	switch {
	case err == nil && f.op == opText && string(f.payload) == "urgent":
		return []trial{{"urgent", "the echo", true}}
	case err == nil && f.op == opClose && len(f.payload) >= 2 && binary.BigEndian.Uint16(f.payload) == 1002:
		return []trial{{"urgent", "1002", true}}
	}
	return []trial{{"urgent", fmt.Sprintf("%v %v", f, err), false}}
}
