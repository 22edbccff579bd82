package codec

import (
	"bytes"
	sflate "compress/flate"
	"fmt"
	"testing"

	"github.com/klauspost/compress/flate"
)

// benchJSON returns n bytes of JSON.
func benchJSON(n int) []byte {
	b := []byte{'['}
	for i := 0; len(b) < n; i++ {
		b = fmt.Appendf(b, `{"id":%d,"name":"user-%d","price":%d.%02d,"tags":["news","sport"],"active":%t},`, i*7919%1000, i*31, i*137%997, i%100, i%3 == 0)
	}
	return b[:n]
}

// BenchmarkDeflate compresses 1 KiB of JSON, with nothing before it and with windows.
func BenchmarkDeflate(b *testing.B) {
	m := benchJSON(1 << 10)
	for _, level := range []int{1, 6} {
		b.Run(fmt.Sprintf("level=%d", level), func(b *testing.B) { benchDeflate(b, NewDeflater(MaxWindowBits, level), m, nil) })
		b.Run(fmt.Sprintf("level=%d/compress_flate", level), func(b *testing.B) {
			var out bytes.Buffer
			w, err := sflate.NewWriter(&out, level)
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				out.Reset()
				w.Reset(&out)
				_, _ = w.Write(m) // to memory
				_ = w.Flush()
			}
		})
	}
	b.Run("stateless", func(b *testing.B) {
		var out bytes.Buffer
		for b.Loop() {
			out.Reset()
			_ = flate.StatelessDeflate(&out, m, false, nil) // to memory
		}
	})
	for _, bits := range []int{10, 12, 13, 14, 15} {
		window := benchJSON(2 << bits)[1<<bits:]
		b.Run(fmt.Sprintf("window=%dK", 1<<bits>>10), func(b *testing.B) { benchDeflate(b, NewDeflater(bits, 1), m, window) })
	}
}

func benchDeflate(b *testing.B, x *Deflater, m, window []byte) {
	b.ReportAllocs()
	var out []byte
	for b.Loop() {
		out, _ = x.Append(out[:0], m, window)
	}
	b.ReportMetric(float64(len(out)), "bytes")
}

// BenchmarkInflate decompresses 1 KiB of JSON.
func BenchmarkInflate(b *testing.B) {
	m := benchJSON(1 << 10)
	packed, err := NewDeflater(MaxWindowBits, 1).Append(nil, m, nil)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("ours", func(b *testing.B) {
		b.ReportAllocs()
		x, s := NewInflater(), new(reusedStore)
		for b.Loop() {
			if _, err := x.Inflate(s, packed, nil, 1<<20); err != nil {
				b.Fatal(err)
			}
		}
	})
	full := append(packed, "\x00\x00\xff\xff\x01\x00\x00\xff\xff"...)
	for _, other := range []struct {
		name string
		r    interface {
			Read([]byte) (int, error)
		}
		reset func(r any, src *bytes.Reader) error
	}{
		{"klauspost", flate.NewReader(bytes.NewReader(nil)), func(r any, src *bytes.Reader) error { return r.(flate.Resetter).Reset(src, nil) }},
		{"compress_flate", sflate.NewReader(bytes.NewReader(nil)), func(r any, src *bytes.Reader) error { return r.(sflate.Resetter).Reset(src, nil) }},
	} {
		b.Run(other.name, func(b *testing.B) {
			var src bytes.Reader
			out := make([]byte, 4096)
			for b.Loop() {
				src.Reset(full)
				if err := other.reset(other.r, &src); err != nil {
					b.Fatal(err)
				}
				for {
					if _, err := other.r.Read(out); err != nil {
						break
					}
				}
			}
		})
	}
}

// reusedStore lends the same memory again.
type reusedStore struct{ b []byte }

func (s *reusedStore) Grow(b []byte, need int) []byte {
	if cap(s.b) < need {
		s.b = make([]byte, need)
	}
	return append(s.b[:0], b...)
}
