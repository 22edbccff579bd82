//go:build !race

package codec

import (
	"strings"
	"testing"
)

// mustNotAlloc runs f some times: it must not allocate.
func mustNotAlloc(t *testing.T, name string, f func(t *testing.T)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		if got := testing.AllocsPerRun(100, func() { f(t) }); got != 0 {
			t.Fatalf("got %v allocations a run, want none", got)
		}
	})
}

// What happens once a frame allocates nothing.
func TestAllocsDecode(t *testing.T) {
	var d Decoder
	d.Reset(&Config{MaxMessageBytes: 1 << 20, MaxFragments: 100}, reused(make([]byte, 0, 4096)))
	whole := func(op OpCode, payload string) []byte { // with a key of zero: the same each time
		return AppendFrame(nil, Header{Op: op, Fin: true, Masked: true}, []byte(payload))
	}
	next := func(t *testing.T, in []byte, want EventKind) {
		if ev, n, err := d.Next(in); ev.Kind != want || n != len(in) || err != nil {
			t.Fatalf("got %v, %d, %v", ev.Kind, n, err)
		}
	}
	text, binary := whole(OpText, "hello, wörld"), whole(OpBinary, strings.Repeat("x", 1000))
	ping, bad := whole(OpPing, "ping"), whole(OpContinuation, "")
	mustNotAlloc(t, "text", func(t *testing.T) { next(t, text, Message) })
	mustNotAlloc(t, "binary", func(t *testing.T) { next(t, binary, Message) })
	mustNotAlloc(t, "ping", func(t *testing.T) { next(t, ping, Ping) })
	mustNotAlloc(t, "text in pieces", func(t *testing.T) {
		next(t, text[:1], None)
		next(t, text[1:3], None)
		next(t, text[3:7], None)
		next(t, text[7:], Message)
	})
	mustNotAlloc(t, "ping in pieces", func(t *testing.T) {
		next(t, ping[:8], None)
		next(t, ping[8:], Ping)
	})
	mustNotAlloc(t, "error", func(t *testing.T) {
		var e Decoder
		if _, _, err := e.Next(bad); err != errContinuation {
			t.Fatal(err)
		}
	})
}

func TestAllocsEncode(t *testing.T) {
	dst, payload := make([]byte, 0, 4096), []byte("payload")
	mustNotAlloc(t, "frame", func(*testing.T) {
		dst = AppendFrame(dst[:0], Header{Op: OpText, Fin: true, Masked: true, Mask: testMask}, payload)
	})
	mustNotAlloc(t, "close", func(*testing.T) { dst = AppendClose(dst[:0], 1000, "bye", &testMask) })
}

// A handshake allocates nothing once its Request has room for the fields.
func TestAllocsHandshake(t *testing.T) {
	var r Request
	var s Response
	head, answer, dst := []byte(goodRequest), []byte(goodResponse), make([]byte, 0, 4096)
	supported := []string{"v9", "superchat"}
	mustNotAlloc(t, "scan", func(t *testing.T) {
		var h HeadScan
		for _, cut := range []int{10, 50, len(head)} {
			if _, err := h.Scan(head[:cut], Limits{}); err != nil {
				t.Fatal(err)
			}
		}
	})
	mustNotAlloc(t, "request", func(t *testing.T) {
		if n, err := r.Parse(head, Limits{}); n != len(head) || err != nil {
			t.Fatal(n, err)
		}
		if err := r.CheckUpgrade(); err != nil {
			t.Fatal(err)
		}
		if got := r.SelectSubprotocol(supported); got != "superchat" {
			t.Fatal(got)
		}
		if !r.HasToken("connection", "Upgrade") || r.Get("Origin") == nil || !SameOrigin(r.Origin, r.Host) {
			t.Fatal("a field is missing")
		}
		for range r.Offers() {
			t.Fatal("an offer that is not there")
		}
	})
	mustNotAlloc(t, "answer", func(t *testing.T) {
		var err error
		if dst, err = AppendUpgrade(dst[:0], r.Key, "superchat", "", nil); err != nil {
			t.Fatal(err)
		}
	})
	mustNotAlloc(t, "response", func(t *testing.T) {
		if n, err := s.Parse(answer, Limits{}); n != len(answer) || err != nil {
			t.Fatal(n, err)
		}
	})
}
