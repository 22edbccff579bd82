package codec

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net/netip"
	"strconv"
)

// ErrProxy is what ParseProxy says of bytes that are no header of the PROXY
// protocol.
var ErrProxy = errors.New("codec: not a PROXY header")

// MaxProxyBytes is the longest PROXY header that is taken: its addresses, and
// what a proxy has to say besides, such as the certificate's name.
const MaxProxyBytes = 4096

// maxProxyLine is the longest header of version 1, its end included.
const maxProxyLine = 107

// proxySignature begins a header of version 2.
var proxySignature = []byte("\r\n\r\n\x00\r\nQUIT\n")

// ParseProxy reads the PROXY header, version 1 or 2, that a proxy sends before
// all else (HAProxy's proxy-protocol.txt). source is the address of the client
// that the proxy speaks for; it is not valid where the header names none, as
// that of a health check. n is the length of the header, 0 while it is not
// whole; then call again with all of it. err is nil or ErrProxy, as early as can
// be told. b is only read.
func ParseProxy(b []byte) (source netip.AddrPort, n int, err error) {
	if len(b) == 0 {
		return source, 0, nil
	}
	if b[0] == proxySignature[0] {
		return parseProxy2(b)
	}
	return parseProxy1(b)
}

// parseProxy1 reads a line such as "PROXY TCP4 192.0.2.1 192.0.2.2 4711 443".
func parseProxy1(b []byte) (source netip.AddrPort, n int, err error) {
	const start = "PROXY "
	if k := min(len(b), len(start)); string(b[:k]) != start[:k] {
		return source, 0, ErrProxy
	}
	end := bytes.IndexByte(b[:min(len(b), maxProxyLine)], '\n')
	if end < 0 {
		if len(b) >= maxProxyLine {
			return source, 0, ErrProxy
		}
		return source, 0, nil
	}
	if b[end-1] != '\r' {
		return source, 0, ErrProxy
	}
	words := bytes.Split(b[len(start):end-1], []byte{' '})
	if string(words[0]) == "UNKNOWN" { // whatever follows
		return source, end + 1, nil
	}
	v6 := string(words[0]) == "TCP6"
	if len(words) != 5 || !v6 && string(words[0]) != "TCP4" {
		return source, 0, ErrProxy
	}
	source, ok := proxyAddr(words[1], words[3], v6)
	_, ok2 := proxyAddr(words[2], words[4], v6)
	if !ok || !ok2 {
		return netip.AddrPort{}, 0, ErrProxy
	}
	return source, end + 1, nil
}

func proxyAddr(addr, port []byte, v6 bool) (netip.AddrPort, bool) {
	a, err := netip.ParseAddr(string(addr))
	if err != nil || a.Is6() != v6 || a.Zone() != "" {
		return netip.AddrPort{}, false
	}
	p, err := strconv.ParseUint(string(port), 10, 16)
	if err != nil || len(port) > 1 && port[0] == '0' {
		return netip.AddrPort{}, false
	}
	return netip.AddrPortFrom(a, uint16(p)), true
}

// parseProxy2 reads the binary form: signature, version and command, family,
// length, addresses, and fields that are skipped.
func parseProxy2(b []byte) (source netip.AddrPort, n int, err error) {
	if k := min(len(b), len(proxySignature)); !bytes.Equal(b[:k], proxySignature[:k]) {
		return source, 0, ErrProxy
	}
	head := len(proxySignature) + 4
	if len(b) < head {
		return source, 0, nil
	}
	command, family := b[12], b[13]
	n = head + int(binary.BigEndian.Uint16(b[14:]))
	if n > MaxProxyBytes || command>>4 != 2 || command&15 > 1 {
		return source, 0, ErrProxy
	}
	local := command&15 == 0 // the proxy speaks for itself
	if !local && n-head < proxyAddrBytes(family) {
		return source, 0, ErrProxy
	}
	if len(b) < n {
		return source, 0, nil
	}
	body := b[head:n]
	switch {
	case local:
	case family == 0x11:
		source = netip.AddrPortFrom(netip.AddrFrom4([4]byte(body)), binary.BigEndian.Uint16(body[8:]))
	case family == 0x21:
		source = netip.AddrPortFrom(netip.AddrFrom16([16]byte(body)), binary.BigEndian.Uint16(body[32:]))
	}
	return source, n, nil
}

// proxyAddrBytes is how much the addresses of a family take. A family that has
// nothing to do with streams takes more than there can be.
func proxyAddrBytes(family byte) int {
	switch family {
	case 0x00: // unspecified
		return 0
	case 0x11: // TCP over IPv4
		return 12
	case 0x21: // TCP over IPv6
		return 36
	case 0x31: // a Unix stream
		return 216
	}
	return MaxProxyBytes
}
