package codec

import (
	"bytes"
	"net/netip"
)

// ForwardedFor finds the client in the values of X-Forwarded-For, in order, that
// proxies have written: from the right, the first address that is not trusted,
// or the last that is there. Whatever is left of it the client may have made up.
// It is not valid if the rightmost one can't be read. The port is 0 where none
// is given.
func ForwardedFor(values [][]byte, trusted func(netip.Addr) bool) netip.AddrPort {
	return forwarded(values, trusted, func(element []byte) []byte { return element })
}

// Forwarded is ForwardedFor for the values of Forwarded: RFC 7239, 5.2.
func Forwarded(values [][]byte, trusted func(netip.Addr) bool) netip.AddrPort {
	return forwarded(values, trusted, forParameter)
}

// forwarded walks the lists from the right. node finds the address in an
// element.
func forwarded(values [][]byte, trusted func(netip.Addr) bool, node func([]byte) []byte) (client netip.AddrPort) {
	for i := len(values) - 1; i >= 0; i-- {
		list := values[i]
		for more := true; more; {
			element := list
			at := bytes.LastIndexByte(list, ',') // an address has none, quoted or not
			if more = at >= 0; more {
				list, element = list[:at], list[at+1:]
			}
			hop, ok := parseNode(node(bytes.Trim(element, " \t")))
			if !ok {
				return client
			}
			if client = hop; !trusted(hop.Addr()) {
				return client
			}
		}
	}
	return client
}

// forParameter returns the value of for= in an element, without its quotes; nil
// if there is none.
func forParameter(element []byte) []byte {
	for len(element) > 0 {
		pair := element
		if at := bytes.IndexByte(element, ';'); at >= 0 {
			pair, element = element[:at], element[at+1:]
		} else {
			element = nil
		}
		name, value, ok := bytes.Cut(bytes.Trim(pair, " \t"), []byte{'='})
		if !ok || !equalFold(name, "for") {
			continue
		}
		if n := len(value); n >= 2 && value[0] == '"' && value[n-1] == '"' {
			value = value[1 : n-1]
		}
		return value
	}
	return nil
}

// parseNode reads an address with or without a port, an IPv6 one in brackets or,
// without a port, also bare.
func parseNode(b []byte) (netip.AddrPort, bool) {
	if len(b) == 0 || len(b) > 64 {
		return netip.AddrPort{}, false
	}
	s := string(b)
	if a, err := netip.ParseAddr(s); err == nil {
		return netip.AddrPortFrom(a.WithZone("").Unmap(), 0), true
	}
	if a, err := netip.ParseAddrPort(s); err == nil {
		return netip.AddrPortFrom(a.Addr().WithZone("").Unmap(), a.Port()), true
	}
	if n := len(s); s[0] == '[' && s[n-1] == ']' {
		if a, err := netip.ParseAddr(s[1 : n-1]); err == nil && a.Is6() {
			return netip.AddrPortFrom(a.WithZone("").Unmap(), 0), true
		}
	}
	return netip.AddrPort{}, false
}
