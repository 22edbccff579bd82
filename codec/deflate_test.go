package codec

import (
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
)

// testMessages are compressible in several ways, and refer back to each other.
func testMessages(n int) [][]byte {
	rng := rand.New(rand.NewPCG(7, 7692))
	words := []string{"price", "volume", "\"symbol\":", "{\"bid\":", "weir", " ", "0000", "ask", "}", "\n"}
	msgs := [][]byte{{}, {0}, bytes.Repeat([]byte("ab"), 50_000)}
	for len(msgs) < n {
		var m []byte
		for range rng.IntN(200) {
			m = append(m, words[rng.IntN(len(words))]...)
			m = append(m, byte(rng.IntN(256)))
		}
		msgs = append(msgs, m)
	}
	return msgs
}

func inflateAll(t *testing.T, x *Inflater, comp, dict []byte) []byte {
	t.Helper()
	msg, err := x.Inflate(heapStore{}, comp, dict, 0)
	if err != nil {
		t.Fatalf("inflate: %v", err)
	}
	return msg
}

func TestDeflateInflate(t *testing.T) {
	for bits := MinWindowBits; bits <= MaxWindowBits; bits++ {
		for _, takeover := range []bool{false, true} {
			t.Run(fmt.Sprintf("bits=%d/takeover=%t", bits, takeover), func(t *testing.T) {
				d, x := NewDeflater(bits, 1), NewInflater()
				var ours, theirs []byte
				for i, m := range testMessages(100) {
					comp, err := d.Append(nil, m, ours)
					if err != nil {
						t.Fatal(err)
					}
					if got := inflateAll(t, x, comp, theirs); !bytes.Equal(got, m) {
						t.Fatalf("message %d: got %d bytes, want %d", i, len(got), len(m))
					}
					if takeover {
						ours = AppendWindow(ours, m, 1<<bits)
						theirs = AppendWindow(theirs, m, 1<<bits)
					}
				}
			})
		}
	}
}

// TestDeflateIsWhatFlateReads holds the compressor to another decompressor.
func TestDeflateIsWhatFlateReads(t *testing.T) {
	for bits := MinWindowBits; bits <= MaxWindowBits; bits++ {
		d := NewDeflater(bits, 1)
		var window []byte
		for _, m := range testMessages(50) {
			comp, err := d.Append([]byte("prefix"), m, window)
			if err != nil || !bytes.HasPrefix(comp, []byte("prefix")) {
				t.Fatal("dst was not appended to:", err)
			}
			r := flate.NewReaderDict(bytes.NewReader(append(comp[6:], "\x00\x00\xff\xff\x01\x00\x00\xff\xff"...)), window)
			got, err := io.ReadAll(r)
			if err != nil || !bytes.Equal(got, m) {
				t.Fatalf("bits %d: %d bytes of %d, %v", bits, len(got), len(m), err)
			}
			window = AppendWindow(window, m, 1<<bits)
		}
	}
}

func TestInflateLimit(t *testing.T) {
	bomb := make([]byte, 1<<20)
	comp, err := NewDeflater(15, 9).Append(nil, bomb, nil)
	if err != nil {
		t.Fatal(err)
	}
	x := NewInflater()
	for _, limit := range []int64{1, 100, 1<<20 - 1} {
		s := &meterStore{}
		if _, err := x.Inflate(s, comp, nil, limit); !errors.Is(err, errInflateBig) {
			t.Errorf("limit %d: %v", limit, err)
		}
		if int64(s.most) > limit+1 {
			t.Errorf("limit %d: asked for %d bytes of memory", limit, s.most)
		}
	}
	msg, err := x.Inflate(heapStore{}, comp, nil, 1<<20)
	if err != nil || !bytes.Equal(msg, bomb) {
		t.Errorf("exactly the limit: %d bytes, %v", len(msg), err)
	}
}

// meterStore remembers how much was asked for.
type meterStore struct{ most int }

func (s *meterStore) Grow(b []byte, need int) []byte {
	s.most = max(s.most, need)
	return append(make([]byte, 0, need), b...)
}

func TestInflateBadStreams(t *testing.T) {
	good, err := NewDeflater(15, 1).Append(nil, bytes.Repeat([]byte("hello, window "), 100), nil)
	if err != nil {
		t.Fatal(err)
	}
	x := NewInflater()
	for _, tt := range []struct {
		name string
		in   []byte
	}{
		{"reserved block type", []byte{0x06}},
		{"stored block, bad length", []byte{0x00, 0x05, 0x00, 0x05, 0x00}},
		{"stored block, truncated", []byte{0x00, 0x05, 0x00, 0xfa, 0xff, 'a'}},
		{"stored block that swallows the tail", []byte{0x00, 0x0a, 0x00, 0xf5, 0xff}},
		{"Huffman block, truncated", good[:len(good)-3]},
		{"distance too far", []byte{0x4b, 0x04, 0x42, 0x00}},
		{"garbage", bytes.Repeat([]byte{0xff}, 50)},
	} {
		if msg, err := x.Inflate(heapStore{}, tt.in, nil, 0); !errors.Is(err, errInflate) {
			t.Errorf("%s: %d bytes, %v", tt.name, len(msg), err)
		}
		if got := inflateAll(t, x, good, nil); len(got) != 1400 {
			t.Errorf("%s: the Inflater is spoiled", tt.name)
		}
	}
}

// TestInflateExamples are those of RFC 7692, 7.2.3.
func TestInflateExamples(t *testing.T) {
	x := NewInflater()
	hello := []byte("Hello")
	for _, tt := range []struct {
		name string
		in   []byte
		dict []byte
		want []byte
	}{
		{name: "one block", in: []byte{0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00}, want: hello},
		{name: "shared window", in: []byte{0xf2, 0x00, 0x11, 0x00, 0x00}, dict: hello, want: hello},
		{name: "no compression", in: []byte{0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00}, want: hello},
		{name: "last block marked", in: []byte{0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00}, want: hello},
		{name: "two blocks", in: []byte{0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00}, want: hello},
		{name: "empty", in: []byte{0x00}, want: nil},
		{name: "flushed twice", in: []byte{0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00, 0x00, 0xff, 0xff, 0x00}, want: hello},
	} {
		if got := inflateAll(t, x, tt.in, tt.dict); !bytes.Equal(got, tt.want) {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestInflateLongMessage(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	m := make([]byte, 300_000) // random: it stays as long
	for i := range m {
		m[i] = byte(rng.Uint32())
	}
	comp, err := NewDeflater(15, 1).Append(nil, m, nil)
	if err != nil || len(comp) < 100_000 {
		t.Fatal(len(comp), err)
	}
	if got := inflateAll(t, NewInflater(), comp, nil); !bytes.Equal(got, m) {
		t.Error("another message came out")
	}
}

func TestAppendWindow(t *testing.T) {
	var w, all []byte
	for i := range 300 {
		m := bytes.Repeat([]byte{byte(i)}, i%70)
		all = append(all, m...)
		w = AppendWindow(w, m, 100)
		if want := all[max(0, len(all)-100):]; !bytes.Equal(w, want) {
			t.Fatalf("after message %d: got %v, want %v", i, w, want)
		}
	}
	if cap(w) > 256 {
		t.Errorf("a window of 100 bytes holds %d", cap(w))
	}
}

// FuzzInflate holds the decompressor to compress/flate, and to its limit.
func FuzzInflate(f *testing.F) {
	d := NewDeflater(15, 1)
	for _, m := range testMessages(10) {
		comp, err := d.Append(nil, m, nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(comp, []byte(nil), int64(1000))
		f.Add(comp, m, int64(0))
	}
	x := NewInflater()
	f.Fuzz(func(t *testing.T, in, dict []byte, limit int64) {
		limit = min(limit, 1<<20)
		if limit <= 0 {
			limit = 1 << 20
		}
		dict = dict[max(0, len(dict)-1<<15):]
		s := &meterStore{}
		got, err := x.Inflate(s, in, dict, limit)
		if int64(s.most) > limit+1 || int64(len(got)) > limit {
			t.Fatalf("limit %d: %d bytes, %d asked for", limit, len(got), s.most)
		}
		if err != nil {
			return
		}
		// What we take is what compress/flate makes of the same, last blocks apart.
		r := flate.NewReaderDict(bytes.NewReader(append(append([]byte(nil), in...), "\x00\x00\xff\xff\x01\x00\x00\xff\xff"...)), dict)
		want, _ := io.ReadAll(io.LimitReader(r, limit+1))
		if !bytes.HasPrefix(got, want) {
			t.Fatalf("got %q, compress/flate says %q", got, want)
		}
	})
}
