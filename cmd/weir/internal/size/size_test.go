package size

import "testing"

func TestBytes(t *testing.T) {
	for _, test := range []struct {
		in    string
		want  Bytes
		shown string
	}{
		{"0", 0, "0"},
		{"125", 125, "125"},
		{"4096", 4096, "4k"},
		{"64k", 64 << 10, "64k"},
		{"64K", 64 << 10, "64k"},
		{"64KiB", 64 << 10, "64k"},
		{"64 kb", 64 << 10, "64k"},
		{"16m", 16 << 20, "16m"},
		{"1g", 1 << 30, "1g"},
		{"1025", 1025, "1025"},
		{"12b", 12, "12"},
	} {
		t.Run(test.in, func(t *testing.T) {
			var b Bytes
			if err := b.Set(test.in); err != nil {
				t.Fatal(err)
			}
			if b != test.want || b.String() != test.shown {
				t.Errorf("got %d, %q, want %d, %q", int(b), b.String(), int(test.want), test.shown)
			}
		})
	}
}

func TestBytesRefuses(t *testing.T) {
	for _, in := range []string{"", "k", "-1", "1.5m", "64kk", "lots", "99999999999999999999", "9999999999g"} {
		t.Run(in, func(t *testing.T) {
			b := Bytes(7)
			if err := b.Set(in); err == nil {
				t.Errorf("got %d, want an error", int(b))
			}
			if b != 7 {
				t.Errorf("the value became %d", int(b))
			}
		})
	}
}
