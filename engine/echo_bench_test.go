//go:build unix && !race && !invariants

package engine

import (
	"bytes"
	"fmt"
	"testing"
)

// What the loop does with a read: decode, Message, Send, and a write into a socket pair, which is most of it.
func BenchmarkEcho(b *testing.B) {
	for _, size := range []int{32, 1000, 8000} { // a socket pair holds sixteen of these
		for _, many := range []int{1, 16} {
			b.Run(fmt.Sprintf("%d × %d bytes", many, size), func(b *testing.B) {
				l := openLine(b, echo, Options{Inline: true})
				w := (*wire)(l.c)
				frames := bytes.Repeat(maskedFrame(0x82, blob(size)), many)
				buf := make([]byte, len(frames))
				b.ReportAllocs()
				b.SetBytes(int64(size * many))
				l.onLoop(func() {
					for b.Loop() {
						copy(buf, frames)
						w.Data(buf)
						w.Turned()
						l.read(many * replyLen(size))
					}
				})
			})
		}
	}
}

// A message to a worker and back, through the socket.
func BenchmarkRoundTrip(b *testing.B) {
	for _, inline := range []bool{true, false} {
		b.Run(choose(inline, "inline", "workers"), func(b *testing.B) {
			l := openLine(b, echo, Options{Inline: inline})
			frame := maskedFrame(0x82, blob(32))
			b.ReportAllocs()
			for b.Loop() {
				l.write(frame)
				l.read(replyLen(32))
			}
		})
	}
}
