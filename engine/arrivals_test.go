package engine

import (
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// from is a socket's address as arrivals see it.
func from(ip string) compactAddr { return compact(netip.AddrPortFrom(netip.MustParseAddr(ip), 1)) }

// A socket counts for its address, or for its IPv6 network, until it is gone.
func TestArrivalsPerIP(t *testing.T) {
	var a arrivals
	set, err := newSettings(&Options{MaxConnsPerIP: 2})
	if err != nil {
		t.Fatal(err)
	}
	a.init(&set)
	a.refused = func(string, uint64) {}
	come := func(ip string, want bool) {
		t.Helper()
		if got := a.come(from(ip), 0, 0); got != want {
			t.Errorf("%s: got %t", ip, got)
		}
	}
	come("192.0.2.1", true)
	come("::ffff:192.0.2.1", true) // the same
	come("192.0.2.1", false)
	come("192.0.2.2", true)
	come("2001:db8::1", true)
	come("2001:db8::2", true)
	come("2001:db8:0:0:ffff::3", false)
	come("2001:db8:0:1::1", true)
	come("127.0.0.1", true)
	come("127.0.0.1", true)
	come("127.0.0.1", false)
	if !a.full(from("192.0.2.1")) || a.full(from("192.0.2.2")) {
		t.Error("full is wrong")
	}
	if !a.move(from("2001:db8::2"), from("2001:db8::9"), 0) {
		t.Error("a network is full of those that are in it")
	}
	if a.move(from("192.0.2.2"), from("192.0.2.1"), 0) {
		t.Error("one more of a full address is let in behind a proxy")
	}
	a.gone(from("192.0.2.1"))
	come("192.0.2.1", true)
	for _, ip := range []string{"192.0.2.1", "192.0.2.1", "192.0.2.2", "2001:db8::2", "2001:db8::9", "2001:db8:0:1::1", "127.0.0.1", "127.0.0.1"} {
		a.gone(from(ip))
	}
	if len(a.from) != 0 {
		t.Errorf("left: %v", a.from)
	}
}

// By default proxies, which are at loopback and private addresses, may hold any number.
func TestArrivalsDefaults(t *testing.T) {
	var a arrivals
	set, err := newSettings(nil)
	if err != nil {
		t.Fatal(err)
	}
	a.init(&set)
	a.refused = func(string, uint64) {}
	for i := range DefaultMaxConnsPerIP + 1 {
		now := time.Duration(i) * time.Millisecond
		for _, ip := range []string{"127.0.0.1", "::1", "10.1.2.3", "192.168.0.1", "fe80::1", "fd00::1"} {
			if !a.come(from(ip), now, 0) {
				t.Fatalf("%s is turned away at %d", ip, i)
			}
		}
		if !a.come(compactAddr{}, now, 0) {
			t.Fatalf("a Unix socket is turned away at %d", i)
		}
		if got, want := a.come(from("192.0.2.1"), now, 0), i < DefaultMaxConnsPerIP; got != want {
			t.Fatalf("a public address: %t at %d", got, i)
		}
	}
}

func TestArrivalsPerSecond(t *testing.T) {
	var a arrivals
	set, err := newSettings(&Options{MaxHandshakesPerSecond: 10, MaxHandshakes: 5})
	if err != nil {
		t.Fatal(err)
	}
	var log logBook
	a.init(&set)
	a.refused = func(why string, n uint64) { io.WriteString(&log, why+"\n") }
	come := func(now time.Duration) (n int) {
		for range 100 {
			if a.come(from("192.0.2.1"), now, 0) {
				n++
			}
		}
		return n
	}
	for _, step := range []struct {
		at   time.Duration
		want int
	}{{0, 10}, {0, 0}, {100 * time.Millisecond, 1}, {600 * time.Millisecond, 5}, {time.Hour, 10}} {
		if got := come(step.at); got != step.want {
			t.Errorf("at %v %d come, want %d", step.at, got, step.want)
		}
	}
	if a.come(from("192.0.2.1"), 2*time.Hour, 5) || !a.come(from("192.0.2.1"), 2*time.Hour, 4) {
		t.Error("MaxHandshakes is not kept")
	}
	// One line a second at most.
	if n := strings.Count(log.String(), "\n"); n != 3 {
		t.Errorf("%d lines:\n%s", n, log.String())
	}
}

// A flood from one address meets its bound; others are served, and there is room again when some have gone.
func TestHostile60Flood(t *testing.T) {
	const most = 20
	for _, d := range []door{listened, attached} {
		t.Run(string(d), func(t *testing.T) {
			s := rig{loops: 2, door: d}.serve(t, echo, &Options{MaxConnsPerIP: most})
			other := newPeer(t, dialFrom(t, s, "127.0.0.2"))
			other.shake("/")
			var in []*peer
			for range most {
				in = append(in, s.open())
			}
			for range 100 {
				p := s.dial()
				_, _ = p.nc.Write([]byte(ask("/"))) // it may be closed
				if d == attached {
					if after := p.refused(429).Header.Get("Retry-After"); after != "5" {
						t.Errorf("Retry-After is %q", after)
					}
				} else {
					p.gone()
				}
			}
			in[0].closing()
			eventually(t, "there is room", func() bool { return s.Metrics().Sockets == most })
			in[0] = s.open()
			witnessed(append(in, other)).alive(t)
			if n := s.Metrics().TurnedAway; n != 100 {
				t.Errorf("%d were turned away", n)
			}
		})
	}
}

func dialFrom(t *testing.T, s *running, ip string) net.Conn {
	t.Helper()
	nc, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(ip)}}).Dial(s.network, s.addr)
	if err != nil {
		t.Skipf("no second loopback address: %v", err)
	}
	return nc
}

// Handshakes beyond the rate are answered with 429 behind net/http, and closed unread on a listener; who is there already
// does not notice, and who comes later is let in.
func TestHostile60Rate(t *testing.T) {
	for _, d := range []door{listened, attached} {
		t.Run(string(d), func(t *testing.T) {
			s := rig{loops: 2, door: d}.serve(t, echo, &Options{MaxHandshakesPerSecond: 2})
			w := witnessed{s.open(), s.open()}
			var away uint64
			try := func() (status int) {
				p := s.dial()
				defer p.nc.Close()
				_, _ = p.nc.Write([]byte(ask("/"))) // it may be closed
				r, err := http.ReadResponse(p.br, nil)
				if err != nil {
					away++
					return 0
				}
				if r.StatusCode == http.StatusTooManyRequests {
					away++
					if after := r.Header.Get("Retry-After"); after != "5" {
						t.Errorf("Retry-After is %q", after)
					}
				}
				return r.StatusCode
			}
			want := map[door]int{listened: 0, attached: http.StatusTooManyRequests}[d]
			eventually(t, "one is turned away", func() bool { return try() == want })
			eventually(t, "one is let in again", func() bool { return try() == http.StatusSwitchingProtocols })
			w.alive(t)
			if n := s.Metrics().TurnedAway; n != away {
				t.Errorf("%d are counted, want %d", n, away)
			}
		})
	}
}

// Those who say nothing take no place from those who do, beyond MaxHandshakes.
func TestHostile60Handshakes(t *testing.T) {
	s := rig{loops: 2, door: listened}.serve(t, echo, &Options{MaxHandshakes: 8})
	w := witnessed{s.open(), s.open()}
	var silent []*peer
	for range 8 {
		silent = append(silent, s.dial())
	}
	eventually(t, "all are there", func() bool { return s.Metrics().Sockets == 10 })
	for range 20 {
		s.dial().gone()
	}
	silent[0].nc.Close()
	eventually(t, "there is room", func() bool { return s.Metrics().Sockets == 9 })
	append(w, s.open()).alive(t)
	if n := s.Metrics().TurnedAway; n != 20 {
		t.Errorf("%d were turned away", n)
	}
}
