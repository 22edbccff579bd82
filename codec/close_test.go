package codec

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// All codes, in the list that hostile-inputs.md gives.
func TestHostile43CloseCodes(t *testing.T) {
	for c := range 1 << 16 {
		code := StatusCode(c)
		want := c >= 1000 && c <= 1003 || c >= 1007 && c <= 1014 || c >= 3000 && c <= 4999
		if got := ValidCloseCode(code); got != want {
			t.Fatalf("ValidCloseCode(%d) = %v, want %v", c, got, want)
		}
		in := frame(OpClose, true, string(binary.BigEndian.AppendUint16(nil, uint16(c)))+"why")
		var d Decoder
		ev, _, err := d.Next(in)
		switch {
		case want && (err != nil || ev.Kind != Close || ev.Code != code || string(ev.Data) != "why"):
			t.Fatalf("code %d: got %v %d %q, %v", c, ev.Kind, ev.Code, ev.Data, err)
		case !want && err != errCloseCode:
			t.Fatalf("code %d: got %v, want %v", c, err, errCloseCode)
		}
		if !want {
			continue
		}
		var back Decoder
		if ev, _, err := back.Next(AppendClose(nil, code, "why", &testMask)); err != nil || ev.Code != code || string(ev.Data) != "why" {
			t.Fatalf("code %d there and back: got %d %q, %v", c, ev.Code, ev.Data, err)
		}
	}
}

func TestHostile43CloseOfOneByte(t *testing.T) {
	mustFail(t, &Config{}, frame(OpClose, true, "\x03"), 1002)
	mustFail(t, &Config{}, join(frame(OpText, false, "a"), frame(OpClose, true, "\x03")), 1002)
}

func TestHostile44CloseReason(t *testing.T) {
	mustFail(t, &Config{}, frame(OpClose, true, "\x03\xe8\xff"), 1007)
	mustFail(t, &Config{}, frame(OpClose, true, "\x03\xe8abc\xe2\x82"), 1007)
	mustGive(t, &Config{}, frame(OpClose, true, "\x03\xe8"+strings.Repeat("€", 41)), closing(1000, strings.Repeat("€", 41)))
	// A bad code is said before a bad reason.
	mustFail(t, &Config{}, frame(OpClose, true, "\x03\xec\xff"), 1002)
}

func TestAppendClose(t *testing.T) {
	long := strings.Repeat("x", 200)
	for _, c := range []struct {
		name         string
		code         StatusCode
		reason, want string
	}{
		{"no status", StatusNoStatusRcvd, "left out", "\x88\x00"},
		{"no reason", StatusNormalClosure, "", "\x88\x02\x03\xe8"},
		{"reason", StatusGoingAway, "bye", "\x88\x05\x03\xe9bye"},
		{"123 bytes", 4999, long[:123], "\x88\x7d\x13\x87" + long[:123]},
		{"124 bytes", 4999, long[:124], "\x88\x7d\x13\x87" + long[:123]},
		{"cut inside a character", 3000, long[:122] + "é", "\x88\x7c\x0b\xb8" + long[:122]},
		{"cut behind a character", 3000, long[:121] + "éé", "\x88\x7d\x0b\xb8" + long[:121] + "é"},
		{"not UTF-8", 3000, "ok\xff more", "\x88\x04\x0b\xb8ok"},
		{"U+FFFD is a character", 3000, "\ufffd", "\x88\x05\x0b\xb8\xef\xbf\xbd"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := string(AppendClose([]byte("-"), c.code, c.reason, nil)); got != "-"+c.want {
				t.Fatalf("got %q, want %q", got, c.want)
			}
			masked := AppendClose(nil, c.code, c.reason, &testMask)
			f := decode(t, &Config{}, masked)
			if f.err != nil || len(f.out) != 1 {
				t.Fatalf("masked: got %s", f)
			}
		})
	}
}

func TestAppendCloseBadCode(t *testing.T) {
	for _, code := range []StatusCode{0, 999, 1004, 1006, 1015, 2999, 5000, 65535} {
		func() {
			defer func() {
				if r := recover(); !strings.HasPrefix(fmt.Sprint(r), "codec: ") {
					t.Fatalf("code %d: got panic %v", code, r)
				}
			}()
			AppendClose(nil, code, "", nil)
		}()
	}
}

// FuzzClose: a close payload is judged as gobwas/ws and unicode/utf8 do, but for
// the codes that ws has wrong; what is accepted comes back when it is sent.
func FuzzClose(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{3})
	f.Add([]byte("\x03\xe8bye"))
	f.Add([]byte("\x03\xf4\xed\xa0\x80"))
	f.Add([]byte("\x13\x88"))
	f.Fuzz(func(t *testing.T, p []byte) {
		if len(p) > MaxControlBytes {
			p = p[:MaxControlBytes]
		}
		code, reason, e := parseClose(p, false)
		switch {
		case len(p) == 0:
			if code != StatusNoStatusRcvd || reason != nil || e != nil {
				t.Fatalf("empty: got %d %q %v", code, reason, e)
			}
			return
		case len(p) == 1:
			if e != errCloseLength {
				t.Fatalf("one byte: got %v", e)
			}
			return
		}
		wsCode, wsReason := ws.ParseCloseFrameData(p)
		valid := ws.CheckCloseFrameData(wsCode, wsReason) == nil && wsCode < 5000
		if wsCode >= 1012 && wsCode <= 1014 {
			valid = utf8.ValidString(wsReason)
		}
		if valid != (e == nil) {
			t.Fatalf("code %d, reason %q: got %v, want valid %v", wsCode, wsReason, e, valid)
		}
		if e != nil {
			return
		}
		if code != wsCode || string(reason) != wsReason {
			t.Fatalf("got %d %q, want %d %q", code, reason, wsCode, wsReason)
		}
		var d Decoder
		ev, _, err := d.Next(AppendClose(nil, code, string(reason), &testMask))
		if err != nil || ev.Code != code || string(ev.Data) != string(reason) {
			t.Fatalf("there and back: got %d %q %v", ev.Code, ev.Data, err)
		}
	})
}
