package codec

import (
	"strings"
	"testing"
)

// BenchmarkRequestParse parses a head and checks it, as for each connection.
func BenchmarkRequestParse(b *testing.B) {
	browser := strings.Replace(goodRequest, "\r\n\r\n", "\r\nPragma: no-cache\r\nCache-Control: no-cache\r\n"+
		"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36\r\n"+
		"Accept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-GB,en;q=0.9,de;q=0.8\r\n"+
		"Cookie: session=0123456789abcdef0123456789abcdef; theme=dark\r\n"+
		"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n", 1)
	for _, c := range []struct{ name, head string }{{"plain", goodRequest}, {"browser", browser}} {
		b.Run(c.name, func(b *testing.B) {
			head := []byte(c.head)
			var r Request
			b.ReportAllocs()
			b.SetBytes(int64(len(head)))
			for b.Loop() {
				if n, err := r.Parse(head, Limits{}); n == 0 || err != nil {
					b.Fatal(err)
				}
				if err := r.CheckUpgrade(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkAppendUpgrade(b *testing.B) {
	key := []byte(goodKey)
	dst := make([]byte, 0, 1024)
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if dst, err = AppendUpgrade(dst[:0], key, "chat", "", nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkResponseParse(b *testing.B) {
	in := []byte(goodResponse)
	var r Response
	b.ReportAllocs()
	for b.Loop() {
		if n, err := r.Parse(in, Limits{}); n == 0 || err != nil {
			b.Fatal(err)
		}
	}
}
