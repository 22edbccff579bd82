package address

import (
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/weirws/weir/cmd/weir/internal/problem"
)

func TestCheck(t *testing.T) {
	for _, test := range []struct {
		addr string
		want string // a part of the error's text; "" for none
	}{
		{"127.0.0.1:8080", ""},
		{":8080", ""},
		{"localhost:0", ""},
		{"[::1]:8080", ""},
		{"unix:/run/weir.sock", ""},
		{"unix:", "unix:/run/weir.sock"},
		{"", "--listen 127.0.0.1:8080"},
		{"8080", "--listen 127.0.0.1:8080"},
		{"localhost", "--listen localhost:8080"},
		{"::1", "--listen [::1]:8080"},
		{"127.0.0.1:", "--listen 127.0.0.1:8080"},
		{"127.0.0.1:http", "no number"},
		{"127.0.0.1:65536", "no number"},
		{"http://127.0.0.1:8080/ws", "--listen 127.0.0.1:8080"},
		{"a:b:c", "--listen 127.0.0.1:8080"},
	} {
		t.Run(test.addr, func(t *testing.T) {
			err := Check("--listen", test.addr)
			if test.want == "" {
				if err != nil {
					t.Errorf("got %v, want none", err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("got %v, want %q in it", err, test.want)
			}
			if got := problem.Exit(err); got != problem.ExitUsage {
				t.Errorf("exit code: got %d, want %d", got, problem.ExitUsage)
			}
		})
	}
}

func TestHost(t *testing.T) {
	for _, test := range []struct {
		name string
		addr net.Addr
		want string
	}{
		{"loopback", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80}, "127.0.0.1:80"},
		{"wildcard", &net.TCPAddr{IP: net.IPv4zero, Port: 80}, "127.0.0.1:80"},
		{"wildcard of both", &net.TCPAddr{IP: net.IPv6unspecified, Port: 80}, "127.0.0.1:80"},
		{"IPv6", &net.TCPAddr{IP: net.IPv6loopback, Port: 80}, "[::1]:80"},
		{"a zone", &net.TCPAddr{IP: net.ParseIP("fe80::1"), Port: 80, Zone: "eth0"}, "[fe80::1%25eth0]:80"},
		{"Unix", &net.UnixAddr{Name: "/tmp/s", Net: "unix"}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, ok := Host(test.addr)
			if got != test.want || ok != (test.want != "") {
				t.Errorf("got %q, %v, want %q", got, ok, test.want)
			}
		})
	}
}

func TestLocal(t *testing.T) {
	for _, test := range []struct {
		name string
		addr net.Addr
		want bool
	}{
		{"loopback", &net.TCPAddr{IP: net.IPv4(127, 3, 0, 1)}, true},
		{"loopback of IPv6", &net.TCPAddr{IP: net.IPv6loopback}, true},
		{"wildcard", &net.TCPAddr{IP: net.IPv6unspecified}, false},
		{"a network's", &net.TCPAddr{IP: net.IPv4(192, 168, 1, 2)}, false},
		{"Unix", &net.UnixAddr{Name: "/tmp/s", Net: "unix"}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := Local(test.addr); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

// TestExplain listens where it cannot, and looks at the sentence.
func TestExplain(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, test := range []struct {
		name, addr string
		want       []string
	}{
		{"busy", taken.Addr().String(), []string{"port busy: " + taken.Addr().String(), "weir serve --listen 127.0.0.1:"}},
		{"not ours", "198.51.100.7:8080", []string{"no address 198.51.100.7", "--listen 127.0.0.1:8080"}},
		{"no such directory", "unix:" + t.TempDir() + "/none/s", []string{"does not exist"}},
		{"a path that exists", "unix:" + t.TempDir(), []string{"exists already", "rm /"}},
		{"a long path", "unix:/" + strings.Repeat("a", 200), []string{"too long"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			network, at := "tcp", test.addr
			if path, ok := strings.CutPrefix(at, unixPrefix); ok {
				network, at = "unix", path
			}
			ln, err := net.Listen(network, at)
			if err == nil {
				ln.Close()
				t.Fatalf("could listen on %s", test.addr)
			}
			told := Explain(err, test.addr, "weir serve --listen")
			for _, want := range test.want {
				if !strings.Contains(told.Error(), want) {
					t.Errorf("got %q, want %q in it", told, want)
				}
			}
			if got := problem.Exit(told); got != problem.ExitBind {
				t.Errorf("exit code: got %d, want %d", got, problem.ExitBind)
			}
			if !errors.Is(told, err) {
				t.Error("the cause is lost")
			}
		})
	}
}

func TestExplainUnknownHost(t *testing.T) {
	err := &net.OpError{Op: "listen", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "weir.invalid"}}
	told := Explain(err, "weir.invalid:8080", "weir serve --listen")
	for _, want := range []string{"no address is known for the host weir.invalid", "--listen 127.0.0.1:8080"} {
		if !strings.Contains(told.Error(), want) {
			t.Errorf("got %q, want %q in it", told, want)
		}
	}
}

func TestExplainForbidden(t *testing.T) {
	told := Explain(&net.OpError{Op: "listen", Net: "tcp", Err: errAccess}, ":80", "weir serve --listen")
	for _, want := range []string{"no permission to listen on port 80", "weir serve --listen :8080", "setcap cap_net_bind_service=+ep /"} {
		if !strings.Contains(told.Error(), want) {
			t.Errorf("got %q, want %q in it", told, want)
		}
	}
}
