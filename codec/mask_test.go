package codec

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// naiveMask is the algorithm as RFC 6455, 5.3 writes it.
func naiveMask(b []byte, key [4]byte, pos int) {
	for i := range b {
		b[i] ^= key[(pos+i)%4]
	}
}

func pattern(n int) []byte {
	b := make([]byte, n)
	rnd := rand.New(rand.NewPCG(uint64(n), 0))
	for i := range b {
		b[i] = byte(rnd.Uint32())
	}
	return b
}

// Lengths 0 to 300, unaligned by 0 to 7, each position in the key, and the
// bytes around are left alone.
func TestHostile27Mask(t *testing.T) {
	for _, key := range [][4]byte{testMask, {}, {0xff, 0xff, 0xff, 0xff}, {0, 0, 0, 1}} {
		for align := range 8 {
			for n := range 301 {
				for pos := range 5 {
					got := pattern(align + n + 8)
					want := bytes.Clone(got)
					Mask(got[align:align+n], key, pos)
					naiveMask(want[align:align+n], key, pos)
					if !bytes.Equal(got, want) {
						t.Fatalf("key % x, align %d, length %d, pos %d:\ngot  % x\nwant % x", key, align, n, pos, got, want)
					}
				}
			}
		}
	}
}

// The same through the decoder: whole, and cut in two anywhere.
func TestHostile27MaskedFrames(t *testing.T) {
	for align := range 8 {
		for n := range 301 {
			payload := pattern(n)
			in := append(make([]byte, align), AppendFrame(nil, Header{Op: OpBinary, Fin: true, Masked: true, Mask: testMask}, payload)...)
			cut := align + (n*7+align*13)%(len(in)-align+1)
			for _, piece := range [][]int{{align, len(in)}, {align, cut, len(in)}} {
				var d Decoder
				var got []byte
				b := bytes.Clone(in)
				for i := 1; i < len(piece); i++ {
					ev, _, err := d.Next(b[piece[i-1]:piece[i]])
					if err != nil {
						t.Fatal(err)
					}
					if ev.Kind == Message {
						got = ev.Data
					}
				}
				if !bytes.Equal(got, payload) {
					t.Fatalf("align %d, length %d, pieces %v: got % x, want % x", align, n, piece, got, payload)
				}
			}
		}
	}
}

// FuzzMask: Mask is the naive mask, in two steps as in one, and its own inverse.
func FuzzMask(f *testing.F) {
	f.Add([]byte("payload"), uint32(0x3d21fa37), byte(1), byte(3))
	f.Add(pattern(300), uint32(0), byte(7), byte(100))
	f.Fuzz(func(t *testing.T, b []byte, k uint32, align, cut byte) {
		key := [4]byte{byte(k), byte(k >> 8), byte(k >> 16), byte(k >> 24)}
		got := append(make([]byte, align&7), b...)[align&7:]
		want := bytes.Clone(b)
		at := min(int(cut), len(b))
		Mask(got[:at], key, 0)
		Mask(got[at:], key, at)
		naiveMask(want, key, 0)
		if !bytes.Equal(got, want) {
			t.Fatalf("got % x, want % x", got, want)
		}
		Mask(got, key, 0)
		if !bytes.Equal(got, b) {
			t.Fatalf("masked twice: got % x, want % x", got, b)
		}
	})
}
