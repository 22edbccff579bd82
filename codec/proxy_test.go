package codec

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"
)

// proxy2 returns a header of version 2.
func proxy2(command, family byte, body string) string {
	return string(proxySignature) + string([]byte{command, family, byte(len(body) >> 8), byte(len(body))}) + body
}

const (
	v4Body = "\xc0\x00\x02\x01\xc0\x00\x02\x02\x12\x67\x01\xbb"
	v6Body = "\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01" + "\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02" + "\x12\x67\x01\xbb"
)

// proxyHeaders are good ones; source "" is none.
var proxyHeaders = []struct{ name, header, source string }{
	{"version 1", "PROXY TCP4 192.0.2.1 192.0.2.2 4711 443\r\n", "192.0.2.1:4711"},
	{"version 1, IPv6", "PROXY TCP6 2001:db8::1 2001:db8::2 4711 443\r\n", "[2001:db8::1]:4711"},
	{"version 1, the longest", "PROXY UNKNOWN " + strings.Repeat("f", 91) + "\r\n", ""},
	{"version 1, unknown", "PROXY UNKNOWN\r\n", ""},
	{"version 2", proxy2(0x21, 0x11, v4Body), "192.0.2.1:4711"},
	{"version 2, IPv6", proxy2(0x21, 0x21, v6Body), "[2001:db8::1]:4711"},
	{"version 2, with more", proxy2(0x21, 0x11, v4Body+"\x03\x00\x04abcd"), "192.0.2.1:4711"},
	{"version 2, local", proxy2(0x20, 0x00, ""), ""},
	{"version 2, local with addresses", proxy2(0x20, 0x11, v4Body), ""},
	{"version 2, a Unix socket", proxy2(0x21, 0x31, strings.Repeat("\x00", 216)), ""},
	{"version 2, unspecified", proxy2(0x21, 0x00, "what"), ""},
}

// TestParseProxy reads each however it is cut, and leaves what follows.
func TestParseProxy(t *testing.T) {
	for _, row := range proxyHeaders {
		t.Run(row.name, func(t *testing.T) {
			for cut := range len(row.header) {
				if _, n, err := ParseProxy([]byte(row.header[:cut])); n != 0 || err != nil {
					t.Fatalf("%d bytes of it: %d, %v", cut, n, err)
				}
			}
			for _, behind := range []string{"", "GET / HTTP/1.1\r\n", "\n"} {
				source, n, err := ParseProxy([]byte(row.header + behind))
				if n != len(row.header) || err != nil {
					t.Errorf("with %q behind: %d, %v, want %d", behind, n, err, len(row.header))
				}
				if row.source == "" && source.IsValid() || row.source != "" && source.String() != row.source {
					t.Errorf("source %v, want %q", source, row.source)
				}
			}
		})
	}
}

// TestParseProxyRefuses what is none.
func TestParseProxyRefuses(t *testing.T) {
	for _, row := range []struct{ name, header string }{
		{"HTTP", "GET / HTTP/1.1\r\n"},
		{"TLS", "\x16\x03\x01"},
		{"lower case", "proxy "},
		{"no end", "PROXY UNKNOWN " + strings.Repeat("f", 93)},
		{"a bare LF", "PROXY UNKNOWN\n"},
		{"UDP", "PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n"},
		{"an IPv6 address in TCP4", "PROXY TCP4 ::1 192.0.2.2 1 2\r\n"},
		{"an IPv4 address in TCP6", "PROXY TCP6 192.0.2.1 ::1 1 2\r\n"},
		{"a zone", "PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n"},
		{"a name", "PROXY TCP4 localhost 192.0.2.2 1 2\r\n"},
		{"a large port", "PROXY TCP4 192.0.2.1 192.0.2.2 65536 2\r\n"},
		{"a signed port", "PROXY TCP4 192.0.2.1 192.0.2.2 +1 2\r\n"},
		{"a port with a zero before it", "PROXY TCP4 192.0.2.1 192.0.2.2 01 2\r\n"},
		{"a bad destination", "PROXY TCP4 192.0.2.1 192.0.2 1 2\r\n"},
		{"too few words", "PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n"},
		{"too many", "PROXY TCP4 192.0.2.1 192.0.2.2 1 2 3\r\n"},
		{"two spaces", "PROXY TCP4  192.0.2.1 192.0.2.2 1 2\r\n"},
		{"a wrong signature", "\r\n\r\n\x00\r\nQUIZ"},
		{"version 3", proxy2(0x31, 0x11, v4Body)},
		{"an unknown command", proxy2(0x22, 0x11, v4Body)},
		{"a datagram", proxy2(0x21, 0x12, v4Body)},
		{"too short for IPv4", proxy2(0x21, 0x11, v4Body[:11])},
		{"too short for IPv6", proxy2(0x21, 0x21, v4Body)},
		{"too long", proxy2(0x21, 0x11, strings.Repeat("x", MaxProxyBytes))[:16]},
	} {
		if source, n, err := ParseProxy([]byte(row.header)); err != ErrProxy || n != 0 || source.IsValid() {
			t.Errorf("%s: %v, %d, %v, want ErrProxy", row.name, source, n, err)
		}
	}
}

// FuzzProxy: a header that is cut anywhere is only said to be cut; what follows one does not matter; it is bounded.
func FuzzProxy(f *testing.F) {
	for _, row := range proxyHeaders {
		f.Add([]byte(row.header))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		source, n, err := ParseProxy(b)
		if n < 0 || n > len(b) || n > MaxProxyBytes || err != nil && n != 0 || source.IsValid() && n == 0 {
			t.Fatalf("%v, %d, %v", source, n, err)
		}
		if n == 0 && err == nil && len(b) >= MaxProxyBytes {
			t.Fatalf("%d bytes are not enough", len(b))
		}
		if n > 0 {
			for cut := range n {
				if _, m, err := ParseProxy(b[:cut]); m != 0 || err != nil {
					t.Fatalf("%d bytes of %d: %d, %v", cut, n, m, err)
				}
			}
			if again, m, err := ParseProxy(append(bytes.Clone(b[:n]), "more"...)); again != source || m != n || err != nil {
				t.Fatalf("with more behind: %v, %d, %v", again, m, err)
			}
		}
		if err != nil {
			if _, m, err := ParseProxy(append(bytes.Clone(b), "more"...)); m != 0 || err == nil {
				t.Fatalf("refused, and taken with more behind: %d", m)
			}
		}
	})
}

// proxies trusts 10.0.0.0/8.
func proxies(a netip.Addr) bool { return netip.MustParsePrefix("10.0.0.0/8").Contains(a) }

// TestForwardedFor finds the client behind the proxies, and believes nobody else.
func TestForwardedFor(t *testing.T) {
	for _, row := range []struct {
		name   string
		values []string
		want   string // "": none
	}{
		{"none", nil, ""},
		{"one", []string{"192.0.2.1"}, "192.0.2.1:0"},
		{"with a port", []string{"192.0.2.1:4711"}, "192.0.2.1:4711"},
		{"IPv6", []string{"2001:db8::1"}, "[2001:db8::1]:0"},
		{"IPv6 in brackets", []string{"[2001:db8::1]"}, "[2001:db8::1]:0"},
		{"IPv6 with a port", []string{"[2001:db8::1]:4711"}, "[2001:db8::1]:4711"},
		{"IPv4 in IPv6", []string{"::ffff:192.0.2.1"}, "192.0.2.1:0"},
		{"what a client made up", []string{"1.1.1.1, 192.0.2.1"}, "192.0.2.1:0"},
		{"in a field of its own", []string{"1.1.1.1", "192.0.2.1"}, "192.0.2.1:0"},
		{"behind two proxies", []string{"1.1.1.1, 192.0.2.1 ,10.0.0.2"}, "192.0.2.1:0"},
		{"proxies only", []string{"10.0.0.3", "10.0.0.2"}, "10.0.0.3:0"},
		{"rubbish behind a proxy", []string{"192.0.2.1, unknown, 10.0.0.2"}, "10.0.0.2:0"},
		{"rubbish", []string{"192.0.2.1, unknown"}, ""},
		{"an empty one", []string{"192.0.2.1,"}, ""},
		{"a long one", []string{strings.Repeat("1", 1000)}, ""},
	} {
		var values [][]byte
		for _, v := range row.values {
			values = append(values, []byte(v))
		}
		got := ForwardedFor(values, proxies)
		if row.want == "" && got.IsValid() || row.want != "" && got.String() != row.want {
			t.Errorf("%s: %v, want %q", row.name, got, row.want)
		}
	}
}

// TestForwarded reads RFC 7239.
func TestForwarded(t *testing.T) {
	for _, row := range []struct{ name, value, want string }{
		{"one", "for=192.0.2.60;proto=http;by=203.0.113.43", "192.0.2.60:0"},
		{"in any case", `FOR="192.0.2.43:47011"`, "192.0.2.43:47011"},
		{"IPv6", `For="[2001:db8:cafe::17]:4711"`, "[2001:db8:cafe::17]:4711"},
		{"not first", "proto=https; for=192.0.2.1", "192.0.2.1:0"},
		{"a list", `for=1.1.1.1, for=192.0.2.1;proto=https, for="10.1.1.1"`, "192.0.2.1:0"},
		{"hidden", "for=_hidden", ""},
		{"unknown", "for=unknown", ""},
		{"without", "proto=https", ""},
		{"half a quote", `for="192.0.2.1`, ""},
	} {
		got := Forwarded([][]byte{[]byte(row.value)}, proxies)
		if row.want == "" && got.IsValid() || row.want != "" && got.String() != row.want {
			t.Errorf("%s: %v, want %q", row.name, got, row.want)
		}
	}
}

// FuzzForwarded: what was made up on the left of an address that is not trusted does not matter.
func FuzzForwarded(f *testing.F) {
	f.Add([]byte("1.1.1.1, 10.0.0.1"))
	f.Add([]byte(`for="[::1]:1";proto=x,for=_`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if got := ForwardedFor([][]byte{append(bytes.Clone(b), ",192.0.2.1"...)}, proxies); got.String() != "192.0.2.1:0" {
			t.Errorf("ForwardedFor: %v", got)
		}
		if got := Forwarded([][]byte{append(bytes.Clone(b), ",for=192.0.2.1;proto=https"...)}, proxies); got.String() != "192.0.2.1:0" {
			t.Errorf("Forwarded: %v", got)
		}
	})
}
