package poller

import "net"

// prefixed is a detached net.Conn some of whose bytes have been read already.
type prefixed struct {
	net.Conn
	first []byte // owned by the one reader that a net.Conn has at a time
}

func withPrefix(nc net.Conn, first []byte) net.Conn {
	if len(first) == 0 {
		return nc
	}
	return &prefixed{Conn: nc, first: first}
}

func (p *prefixed) Read(b []byte) (int, error) {
	if len(p.first) == 0 || len(b) == 0 {
		return p.Conn.Read(b)
	}
	n := copy(b, p.first)
	p.first = p.first[n:]
	return n, nil
}
