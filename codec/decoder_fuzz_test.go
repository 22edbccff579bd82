package codec

import (
	"strings"
	"testing"
)

// FuzzDecoder: any split gives what the whole gives, with and without Room, and
// that is what the slow reference gives.
func FuzzDecoder(f *testing.F) {
	f.Add(join(frame(OpText, false, "Hé"), frame(OpPing, true, "p"), frame(OpContinuation, true, "llo")), []byte{3, 1}, byte(0))
	f.Add(join(frame(OpBinary, true, strings.Repeat("x", 5000)), frame(OpClose, true, "\x03\xe8bye")), []byte{200, 7}, byte(0x40))
	f.Add(AppendFrame(nil, Header{Op: OpText, Fin: true, RSV1: true}, []byte("\xff")), []byte{1}, byte(3))
	f.Add(lengthHead(OpText, 8, 1<<63), []byte{1}, byte(4))
	f.Add(join(lengthHead(OpText, 8, 1<<63-1), []byte("€")), []byte{1}, byte(0))
	f.Fuzz(func(t *testing.T, in, sizes []byte, flags byte) {
		if len(in) > 1<<14 || len(sizes) > 64 {
			t.Skip("the reference is quadratic")
		}
		cfg := &Config{
			Client:          flags&1 != 0,
			Deflate:         flags&2 != 0,
			StrictLength:    flags&4 != 0,
			SkipUTF8:        flags&8 != 0,
			MaxMessageBytes: []int64{0, 10, 5000, 1 << 62}[flags>>4&3],
			MaxFragments:    []int{0, 1, 3, 1000}[flags>>6],
		}
		whole := decode(t, cfg, in)
		for _, room := range []bool{false, true} {
			if got := decodeCut(t, cfg, in, sizes, room); got.String() != whole.String() {
				t.Fatalf("cut by %v, room %v:\n%swant\n%s", sizes, room, got, whole)
			}
		}
		out, code := reference(cfg, in)
		var got StatusCode
		if whole.err != nil {
			got = whole.err.Code
		}
		if got != code || strings.Join(out, "\n") != strings.Join(whole.out, "\n") {
			t.Fatalf("got\n%swant\n%s\nand code %d", whole, strings.Join(out, "\n"), code)
		}
	})
}
