package holder

import (
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func TestOfFindsThisProcess(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells through /proc")
	}
	for _, test := range []struct{ name, network, at string }{
		{"IPv4", "tcp", "127.0.0.1:0"},
		{"all addresses", "tcp", ":0"},
		{"IPv6", "tcp", "[::1]:0"},
		{"Unix", "unix", filepath.Join(t.TempDir(), "s")},
	} {
		t.Run(test.name, func(t *testing.T) {
			ln, err := net.Listen(test.network, test.at)
			if err != nil {
				t.Skip(err)
			}
			defer ln.Close()
			addr := ln.Addr().String()
			if test.network == "unix" {
				addr = "unix:" + addr
			}
			got, ok := Of(addr)
			if !ok || got.PID != os.Getpid() {
				t.Fatalf("got %+v, %v, want pid %d", got, ok, os.Getpid())
			}
			if !strings.Contains(got.Command, "holder.test") {
				t.Errorf("command: got %q, want holder.test in it", got.Command)
			}
		})
	}
}

func TestOfKnowsNothing(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	ln.Close()
	for _, at := range []string{addr, "no port", "127.0.0.1:http", "unix:/no/such/socket"} {
		if got, ok := Of(at); ok {
			t.Errorf("%s: got %+v, want nothing", at, got)
		}
	}
	if got, ok := of(t.TempDir(), "127.0.0.1:80"); ok {
		t.Errorf("without /proc: got %+v, want nothing", got)
	}
}

func TestParseAddrPort(t *testing.T) {
	for _, test := range []struct{ in, want string }{
		{"0100007F:1F90", "127.0.0.1:8080"},
		{"00000000:0050", "0.0.0.0:80"},
		{"00000000000000000000000001000000:1F90", "[::1]:8080"},
		{"0000000000000000FFFF00000100007F:1F90", "127.0.0.1:8080"},
	} {
		got, ok := parseAddrPort(test.in)
		if !ok || got.String() != test.want {
			t.Errorf("%s: got %v, %v, want %s", test.in, got, ok, test.want)
		}
	}
	for _, in := range []string{"", ":", "01:1F90", "0100007F", "zz00007F:1F90"} {
		if got, ok := parseAddrPort(in); ok {
			t.Errorf("%q: got %v, want nothing", in, got)
		}
	}
}

func TestPrintable(t *testing.T) {
	for _, test := range []struct{ in, want string }{
		{"weir serve", "weir serve"},
		{"\x1b[31mred\n", "?[31mred?"},
		{"a\xffb", "a?b"},
		{strings.Repeat("x", maxCommand+1), strings.Repeat("x", maxCommand) + "..."},
	} {
		if got := printable(test.in); got != test.want {
			t.Errorf("%q: got %q, want %q", test.in, got, test.want)
		}
	}
}
