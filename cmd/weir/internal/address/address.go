// Package address reads the addresses that weir listens on, shows them as URLs,
// and explains why one cannot be listened on.
package address

import (
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/weirws/weir/cmd/weir/internal/problem"
)

// unixPrefix marks the path of a Unix socket.
const unixPrefix = "unix:"

// Check returns a [problem.Problem] if s is neither "host:port" nor
// "unix:/path". flag is the flag that s was given to.
func Check(flag, s string) error {
	wrong := func(what, meant string) error {
		fix := "An address is host:port or unix:/path"
		if meant == "" {
			return problem.Usage(what, fix+".")
		}
		return problem.Usage(what, fix+": "+flag+" "+meant)
	}
	if path, ok := strings.CutPrefix(s, unixPrefix); ok {
		if path == "" {
			return wrong(flag+" "+s+" names no path", "unix:/run/weir.sock")
		}
		return nil
	}
	if scheme, rest, ok := strings.Cut(s, "://"); ok && rest != "" {
		host, _, _ := strings.Cut(rest, "/")
		return wrong(flag+" wants an address, and "+s+" is a URL with "+scheme+"://", host)
	}
	host, port, err := net.SplitHostPort(s)
	switch {
	case err == nil && validPort(port):
		return nil
	case err == nil && port == "":
		return wrong(flag+" "+s+" has no port", net.JoinHostPort(host, "8080"))
	case err == nil:
		return wrong(flag+" "+s+" has the port "+strconv.Quote(port)+", which is no number from 0 to 65535", "")
	case validPort(s):
		return wrong(flag+" "+s+" has a port and no host", "127.0.0.1:"+s)
	case isIP(s):
		return wrong(flag+" "+s+" has no port", net.JoinHostPort(s, "8080"))
	case s != "" && !strings.ContainsAny(s, ":/[] "):
		return wrong(flag+" "+s+" has no port", s+":8080")
	}
	return wrong(flag+" "+strconv.Quote(s)+" is no address", "127.0.0.1:8080")
}

func validPort(s string) bool {
	_, err := strconv.ParseUint(s, 10, 16)
	return err == nil
}

func isIP(s string) bool {
	_, err := netip.ParseAddr(s)
	return err == nil
}

// Host returns the host:port under which this machine's own programs reach a
// server that listens on bound: a wildcard becomes the loopback address. It
// returns false for a Unix socket.
func Host(bound net.Addr) (string, bool) {
	tcp, ok := bound.(*net.TCPAddr)
	if !ok {
		return "", false
	}
	ip := tcp.IP
	if len(ip) == 0 || ip.IsUnspecified() {
		ip = net.IPv4(127, 0, 0, 1)
	}
	host := ip.String()
	if tcp.Zone != "" {
		host += "%25" + tcp.Zone
	}
	return net.JoinHostPort(host, strconv.Itoa(tcp.Port)), true
}

// Local says whether only this machine reaches a server that listens on bound.
func Local(bound net.Addr) bool {
	tcp, ok := bound.(*net.TCPAddr)
	return !ok || tcp.IP.IsLoopback()
}

// UnixPath returns the path of an address "unix:/path".
func UnixPath(addr string) (string, bool) { return strings.CutPrefix(addr, unixPrefix) }
