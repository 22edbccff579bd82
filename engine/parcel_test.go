package engine

import (
	"bytes"
	"fmt"
	"runtime"
	"slices"
	"testing"

	"github.com/weirws/weir/pool"
)

// Small messages of one read lie in few buffers and come to the strand together, large ones and one that is alone do so by
// themselves; none is more than StrandDepth allows.
func TestParcels(t *testing.T) {
	const size, frame, most = 32, 38, 64
	for _, tt := range []struct {
		name    string
		sizes   []int
		buffers int64
	}{
		{"16 in one read", slices.Repeat([]int{size}, 16), 1},
		{"one alone", []int{size}, 1},
		{"empty ones", make([]int, most-1), 1},
		{"large ones between", []int{size, size, parcelMax + 1, size, size}, 3},
		{"two that share and one that is too large", []int{size, parcelMax, parcelMax + 1}, 2},
		{"more than fits into one", slices.Repeat([]int{parcelMax}, 8), 2},
		{"as many as may wait", slices.Repeat([]int{size}, most), 2},
		{"more than may wait", slices.Repeat([]int{size}, most+10), 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			gate, open := newGate()
			defer open()
			got := make(chan string, 100)
			begun := make(chan bool, 1)
			s := rig{loops: 1, door: listened}.serve(t, Handler{Message: func(_ *Conn, m Message) {
				if string(m.Data) == "gate" {
					begun <- true
					<-gate
					return
				}
				got <- string(m.Data)
			}}, &Options{StrandDepth: most})
			p := s.open()
			p.sendText("gate")
			within(t, "the handler is busy", begun)
			var read []byte
			want := func(i int) []byte { return bytes.Repeat([]byte{byte('a' + i%26)}, tt.sizes[i]) }
			for i := range tt.sizes {
				read = appendMasked(read, 0x82, [4]byte{}, want(i))
			}
			c := s.only()
			var buffers int64
			var depth int
			done := make(chan bool)
			c.sock.Loop().Do(func() {
				defer close(done)
				before := pool.Outstanding()
				(*wire)(c).Data(read)
				buffers = pool.Outstanding() - before
				depth = c.line.Depth()
				if c.in != nil && c.in.rest != nil {
					buffers-- // what is not decoded
				}
				(*wire)(c).Turned()
			})
			within(t, "the read is decoded", done)
			if depth != min(len(tt.sizes), most) {
				t.Errorf("%d messages wait, want %d", depth, min(len(tt.sizes), most))
			}
			if buffers != tt.buffers {
				t.Errorf("%d messages lie in %d buffers, want %d", depth, buffers, tt.buffers)
			}
			open()
			for i := range tt.sizes {
				if m := within(t, "all messages", got); m != string(want(i)) {
					t.Fatalf("message %d is %q, want %q", i, m, want(i))
				}
			}
		})
	}
}

// A callback that ends its goroutine, or panics, leaves no message behind it undone, or has none follow.
func TestParcelOutlivesItsCallbacks(t *testing.T) {
	const n = 50
	for _, panics := range []bool{false, true} {
		t.Run(fmt.Sprint("panics: ", panics), func(t *testing.T) {
			got := make(chan string, n)
			s := rig{loops: 1, door: listened}.serve(t, Handler{Message: func(_ *Conn, m Message) {
				got <- string(m.Data)
				if len(got)%5 == 0 {
					if panics {
						panic("a test")
					}
					runtime.Goexit()
				}
			}}, nil)
			p := s.open()
			p.write(numbered(n))
			if panics {
				s.panics = 1
				p.wantClose(1011)
				s.Close()
				if len(got) != 5 {
					t.Errorf("%d messages were delivered, want 5", len(got))
				}
				return
			}
			eventually(t, "all messages are delivered", func() bool { return len(got) == n })
			for i := range n {
				if m := <-got; m != fmt.Sprint(i) {
					t.Fatalf("message %d is %q", i, m)
				}
			}
			p.closing()
		})
	}
}

// Messages of every size, in one read and in several, reach workers as they were sent, also when a callback appends to what it was lent.
func TestWorkersGetWhatWasSent(t *testing.T) {
	const n = 600
	got := make(chan string, n)
	h := Handler{Message: func(_ *Conn, m Message) {
		got <- string(m.Data)
		_ = append(m.Data, "overrun"...)
	}}
	s := rig{loops: 1, door: listened}.serve(t, h, nil)
	p := s.open()
	var all []byte
	want := func(i int) []byte { return bytes.Repeat(fmt.Append(nil, i, " "), i%100) }
	for i := range n {
		all = appendMasked(all, 0x82, [4]byte{1, 2, 3, 4}, want(i))
	}
	go p.write(all)
	for i := range n {
		if m := within(t, "all messages", got); m != string(want(i)) {
			t.Fatalf("message %d is %q, want %q", i, m, want(i))
		}
	}
}
