package codec

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

// BenchmarkUTF8 validates text that came whole; /std is unicode/utf8 on the same.
func BenchmarkUTF8(b *testing.B) {
	for _, c := range []struct{ name, text string }{
		{"ascii", "The quick brown fox jumps over the lazy dog. "},
		{"german", "Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich. "},
		{"japanese", "いろはにほへとちりぬるをわかよたれそつねならむ"},
		{"emoji", "😀😁😂🤣😃😄😅😆"},
	} {
		for _, size := range []int{32, 1024, 65536} {
			text := []byte(strings.Repeat(c.text, size/len(c.text)+1))[:size]
			for !utf8.Valid(text) {
				text = text[:len(text)-1]
			}
			b.Run(fmt.Sprintf("%s=%d", c.name, size), func(b *testing.B) {
				b.SetBytes(int64(len(text)))
				for b.Loop() {
					if !validText(text) {
						b.Fatal("not valid")
					}
				}
			})
			if size == 65536 {
				b.Run(fmt.Sprintf("%s=%d/std", c.name, size), func(b *testing.B) {
					b.SetBytes(int64(len(text)))
					for b.Loop() {
						if !utf8.Valid(text) {
							b.Fatal("not valid")
						}
					}
				})
			}
		}
	}
}
