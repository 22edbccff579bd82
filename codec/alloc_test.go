//go:build !race

package codec

import (
	"strings"
	"testing"
)

// What happens once a message or once a connection allocates nothing.
func TestAllocs(t *testing.T) {
	var (
		d    Decoder
		dst  = make([]byte, 0, 4096)
		r    Request
		s    Response
		head = []byte(goodRequest)
		resp = []byte(goodResponse)

		supported = []string{"v9", "superchat"}
	)
	d.Reset(&Config{MaxMessageBytes: 1 << 20, MaxFragments: 100}, reused(make([]byte, 0, 4096)))
	whole := func(op OpCode, payload string) []byte {
		return AppendFrame(nil, Header{Op: op, Fin: true, Masked: true}, []byte(payload))
	}
	next := func(t *testing.T, in []byte, want EventKind) {
		if ev, n, err := d.Next(in); ev.Kind != want || n != len(in) || err != nil {
			t.Fatalf("got %v, %d, %v", ev.Kind, n, err)
		}
	}
	text, binary := whole(OpText, "hello, wörld"), whole(OpBinary, strings.Repeat("x", 1000))
	ping, bad := whole(OpPing, "ping"), whole(OpContinuation, "")
	for _, c := range []struct {
		name string
		run  func(t *testing.T)
	}{
		{"decode text", func(t *testing.T) { next(t, text, Message) }},
		{"decode binary", func(t *testing.T) { next(t, binary, Message) }},
		{"decode ping", func(t *testing.T) { next(t, ping, Ping) }},
		{"decode in pieces", func(t *testing.T) {
			for _, piece := range [][]byte{text[:1], text[1:3], text[3:6]} {
				next(t, piece, None)
			}
			next(t, text[6:], Message)
		}},
		{"decode a cut ping", func(t *testing.T) { next(t, ping[:8], None); next(t, ping[8:], Ping) }},
		{"decode errors", func(t *testing.T) {
			var e Decoder
			if _, _, err := e.Next(bad); err != errContinuation {
				t.Fatal(err)
			}
		}},
		{"encode", func(*testing.T) { dst = AppendFrame(dst[:0], Header{Op: OpText, Fin: true, Masked: true}, text) }},
		{"encode close", func(*testing.T) { dst = AppendClose(dst[:0], 1000, "bye", &testMask) }},
		{"parse a request", func(t *testing.T) {
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
				t.Fatal("fields")
			}
			for range r.Offers() {
				return
			}
		}},
		{"scan", func(t *testing.T) {
			var h HeadScan
			for _, cut := range []int{10, 50, len(head)} {
				if _, err := h.Scan(head[:cut], Limits{}); err != nil {
					t.Fatal(err)
				}
			}
		}},
		{"answer", func(t *testing.T) {
			var err error
			if dst, err = AppendUpgrade(dst[:0], r.Key, "superchat", "", nil); err != nil {
				t.Fatal(err)
			}
		}},
		{"parse an answer", func(t *testing.T) {
			if n, err := s.Parse(resp, Limits{}); n != len(resp) || err != nil {
				t.Fatal(n, err)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := testing.AllocsPerRun(100, func() { c.run(t) }); got != 0 {
				t.Fatalf("got %v allocations a run, want none", got)
			}
		})
	}
}
