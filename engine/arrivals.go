package engine

import (
	"net/netip"
	"sync"
	"time"
)

// arrivals are who may come to a Server: so many from one address, so many in a
// second, and so many whose handshake is not answered. Those beyond it are
// closed unread, which costs least, or refused with 429 where the request was
// read already: behind net/http, and of clients that a proxy speaks for.
type arrivals struct {
	perIP    int                   // most of one address; 0: no bound
	private  bool                  // loopback and private addresses count too
	proxy    func(netip.Addr) bool // its address does not count
	perSec   float64
	pending  int64 // most that shake hands; 0: no bound
	refused  func(why string, n uint64)
	mu       sync.Mutex // guards the following
	from     map[[16]byte]int32
	tokens   float64
	refilled time.Duration // since the core's start
	turned   uint64        // away
	reported time.Duration
}

func (a *arrivals) init(s *settings) {
	a.perIP, a.private, a.proxy = s.MaxConnsPerIP, s.perIPAll, s.trusts
	a.perSec, a.pending = float64(s.MaxHandshakesPerSecond), int64(s.MaxHandshakes)
	a.tokens = a.perSec
	a.from = make(map[[16]byte]int32)
	a.reported = -time.Second
	a.refused = func(why string, n uint64) {
		s.Log.Warn("engine: sockets are turned away", "limit", why, "turned away so far", n)
	}
}

// key is what the sockets of an address are counted by: an IPv6 network of 64
// bits is one. ok is false for those that are not counted.
func (a *arrivals) key(c compactAddr) (key [16]byte, ok bool) {
	if a.perIP == 0 || c.kind == 0 {
		return key, false
	}
	if a.proxy(netip.AddrFrom16(c.ip)) {
		return key, false
	}
	if !a.private {
		if ip := netip.AddrFrom16(c.ip).Unmap(); ip.IsLoopback() || ip.IsPrivate() || ip.IsLinkLocalUnicast() {
			return key, false
		}
	}
	key = c.ip
	if c.kind == 6 {
		clear(key[8:])
	}
	return key, true
}

// come counts a socket that was accepted now, since the core's start, while so
// many others shake hands. False: it is to be turned away.
func (a *arrivals) come(c compactAddr, now time.Duration, shaking int64) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.pending > 0 && shaking >= a.pending {
		a.turnAway("MaxHandshakes", now)
		return false
	}
	if !a.may(c, now) {
		return false
	}
	a.add(c)
	return true
}

// ask is come for a handshake that somebody else has read, whose socket count
// counts if there will be one.
func (a *arrivals) ask(c compactAddr, now time.Duration) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.may(c, now)
}

// may takes one off the rate, unless that, or its address, has none left. mu is
// held.
func (a *arrivals) may(c compactAddr, now time.Duration) bool {
	if a.perSec > 0 {
		a.tokens = min(a.perSec, a.tokens+a.perSec*(now-a.refilled).Seconds())
		a.refilled = now
	}
	switch {
	case a.perSec > 0 && a.tokens < 1:
		a.turnAway("MaxHandshakesPerSecond", now)
		return false
	case a.full(c):
		a.turnAway("MaxConnsPerIP", now)
		return false
	}
	a.tokens--
	return true
}

// turnAway counts one, and says so once a second at most. mu is held.
func (a *arrivals) turnAway(why string, now time.Duration) {
	a.turned++
	if now-a.reported >= time.Second {
		a.reported = now
		a.refused(why, a.turned)
	}
}

// full reports whether an address has as many sockets as it may. mu is held.
func (a *arrivals) full(c compactAddr) bool {
	key, counted := a.key(c)
	return counted && a.from[key] >= int32(a.perIP)
}

// move has a socket count for another address from now on, unless that has as
// many as it may.
func (a *arrivals) move(from, to compactAddr, now time.Duration) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.drop(from)
	if a.full(to) {
		a.add(from)
		a.turnAway("MaxConnsPerIP", now)
		return false
	}
	a.add(to)
	return true
}

// count counts a socket that is let in whatever its number.
func (a *arrivals) count(c compactAddr) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.add(c)
}

// gone undoes count, and what come did for an address.
func (a *arrivals) gone(c compactAddr) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.drop(c)
}

// add counts a socket. mu is held.
func (a *arrivals) add(c compactAddr) {
	if key, counted := a.key(c); counted {
		a.from[key]++
	}
}

// drop undoes add. mu is held.
func (a *arrivals) drop(c compactAddr) {
	key, counted := a.key(c)
	if !counted {
		return
	}
	if a.from[key]--; a.from[key] == 0 {
		delete(a.from, key)
	}
}

func (a *arrivals) turnedAway() uint64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.turned
}
