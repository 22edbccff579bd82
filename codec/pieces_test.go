package codec

import (
	"fmt"
	"strings"
	"testing"
)

// pieced puts the pieces of messages together, and keeps the other events as they are.
func pieced(t testing.TB, cfg *Config, b []byte, sizes []byte) (out []string, err *Error) {
	var d Decoder
	d.Reset(cfg, nil)
	msg, held := []byte(nil), 0
	for i := 0; len(b) > 0; i++ {
		p := b
		if len(sizes) > 0 && int(sizes[i%len(sizes)]) < len(b) {
			p = b[:max(int(sizes[i%len(sizes)]), 1)]
		}
		b = b[len(p):]
		p = append([]byte(nil), p...)
		for {
			ev, n, e := d.Next(p)
			if e != nil {
				return out, e.(*Error)
			}
			p = p[n:]
			held = max(held, len(d.Held()))
			switch ev.Kind {
			case None:
			case Piece, LastPiece:
				if msg = append(msg, ev.Data...); ev.Kind == LastPiece {
					out, msg = append(out, eventText(Message, ev.Op, false, 0, msg)), nil
				} else if len(ev.Data) == 0 {
					t.Fatal("a Piece without bytes, and not the last")
				}
			default:
				out = append(out, eventText(ev.Kind, ev.Op, ev.Compressed, ev.Code, ev.Data))
			}
			if ev.Kind == None {
				if len(p) != 0 {
					t.Fatalf("None with %d bytes left", len(p))
				}
				break
			}
		}
	}
	if held > 0 && !cfg.Deflate {
		t.Fatalf("%d bytes of a message were kept", held)
	}
	return out, nil
}

// FuzzPieces: the pieces of each message are the message, however the input is cut; errors are those of a Decoder of
// whole messages without limits.
func FuzzPieces(f *testing.F) {
	f.Add(join(frame(OpText, false, "H\xc3"), frame(OpPing, true, "p"), frame(OpContinuation, true, "\xa9llo")), []byte{3, 1}, byte(0))
	f.Add(join(frame(OpBinary, false, ""), frame(OpContinuation, false, strings.Repeat("x", 500)), frame(OpContinuation, true, "")), []byte{100, 7}, byte(0))
	f.Add(AppendFrame(nil, Header{Op: OpText, RSV1: true}, []byte("\xff")), []byte{1}, byte(3))
	f.Fuzz(func(t *testing.T, in, sizes []byte, flags byte) {
		if len(in) > 1<<14 {
			t.Skip("long")
		}
		cfg := &Config{Client: flags&1 != 0, Deflate: flags&2 != 0, StrictLength: flags&4 != 0, SkipUTF8: flags&8 != 0}
		whole := decode(t, cfg, in)
		pieces := *cfg
		pieces.Pieces = true
		for _, cut := range [][]byte{nil, sizes} {
			out, err := pieced(t, &pieces, in, cut)
			if strings.Join(out, "\n") != strings.Join(whole.out, "\n") || fmt.Sprint(err) != fmt.Sprint(whole.err) {
				t.Fatalf("cut by %v:\n%s\n%v\nwant\n%s%v", cut, strings.Join(out, "\n"), err, whole, whole.err)
			}
		}
	})
}

// The limits are for what is kept: a message in pieces has none, one that is compressed has.
func TestPiecesLimits(t *testing.T) {
	cfg := &Config{Pieces: true, Deflate: true, MaxMessageBytes: 10, MaxFragments: 2}
	long := join(frame(OpText, false, "0123456789"), frame(OpContinuation, false, "0123456789"), frame(OpContinuation, false, ""), frame(OpContinuation, true, "end"))
	out, err := pieced(t, cfg, long, nil)
	if want := []string{textMessage("01234567890123456789end")}; err != nil || fmt.Sprint(out) != fmt.Sprint(want) {
		t.Errorf("got %v, %v, want %v", out, err, want)
	}
	packed := AppendFrame(nil, Header{Op: OpText, Fin: true, RSV1: true, Masked: true}, []byte(strings.Repeat("x", 200)))
	if _, err := pieced(t, cfg, packed, nil); err == nil || err.Code != StatusMessageTooBig {
		t.Errorf("compressed: %v, want 1009", err)
	}
}
