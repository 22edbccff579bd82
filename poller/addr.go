package poller

import (
	"net"
	"net/netip"
	"strconv"
)

func addrPort4(a [4]byte, port int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4(a), uint16(port))
}

// addrPort6 returns an IPv4 peer of a dual-stack socket as IPv4. A zone is written as its number.
func addrPort6(a [16]byte, port int, zone uint32) netip.AddrPort {
	addr := netip.AddrFrom16(a).Unmap()
	if zone != 0 && addr.Is6() {
		addr = addr.WithZone(strconv.FormatUint(uint64(zone), 10))
	}
	return netip.AddrPortFrom(addr, uint16(port))
}

// addrPortOf returns a TCP address, and the zero AddrPort for any other.
func addrPortOf(a net.Addr) netip.AddrPort {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	ap := tcp.AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}
