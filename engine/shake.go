package engine

import (
	"errors"
	"net/http"
	"runtime"
	"sync"

	"github.com/weirws/weir/engine/internal/tlspump"
)

// shakes are the TLS handshakes of a core.
type shakes struct {
	slots   tlspump.Slots
	running sync.WaitGroup // their goroutines

	mu    sync.Mutex // guards the following
	room  int        // for further ones
	queue []*secure  // that wait for room
}

func (k *shakes) init(limit int) {
	k.room = limit
	k.slots = tlspump.NewSlots(computingPerCore * runtime.GOMAXPROCS(0))
}

// begin makes room for the handshake of s. False: s waits for it, and will be
// admitted.
func (k *shakes) begin(s *secure) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.room == 0 {
		k.queue = append(k.queue, s)
		return false
	}
	k.room--
	return true
}

// end gives the room of a handshake to the one that waits for it the longest.
func (k *shakes) end() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for len(k.queue) > 0 {
		next := k.queue[0]
		k.queue[0] = nil
		if k.queue = k.queue[1:]; len(k.queue) == 0 {
			k.queue = nil
		}
		l := next.conn.loop()
		if l.poll.Do(func() { next.admitted(l) }) {
			return
		}
	}
	k.room++
}

var (
	// errShake is how a handshake ends whose callback panicked.
	errShake = errors.New("engine: the TLS handshake was given up")
	// errALPN is that of a client that was promised another protocol by the
	// tls.Config.
	errALPN = errors.New("engine: the protocol agreed on is not http/1.1")
)

// greet gathers what a client says first, until there is something to answer:
// a goroutine that only waits for a hello is not begun.
func (s *secure) greet(l *loop, b []byte) {
	c := s.conn
	s.hello = append(s.hello, b...)
	c.mu.Lock()
	s.charge()
	c.mu.Unlock()
	if s.waiting {
		return
	}
	if first := s.hello[0]; 'A' <= first && first <= 'Z' { // a method, and no record
		s.hello = nil
		c.refuse(l, &Refusal{Status: http.StatusBadRequest, Body: "this port speaks HTTPS"})
		return
	}
	if !tlspump.Hello(s.hello) {
		return
	}
	if !l.core.shakes.begin(s) {
		s.wait()
		return
	}
	s.begin(l)
}

// admitted begins the handshake of a client that waited for it. It is called on
// the loop.
func (s *secure) admitted(l *loop) {
	if s.conn.phase == phaseGone {
		l.core.shakes.end()
		return
	}
	s.begin(l)
	s.goOn()
}

// begin starts the handshake.
func (s *secure) begin(l *loop) {
	c := s.conn
	c.mu.Lock()
	s.pump = tlspump.Server(c, s.config)
	c.mu.Unlock()
	s.shake = s.pump.Begin(l.core.shakes.slots, s.sendFlight, func() {
		l.poll.Do(func() { // refused: the loop has ended, and aborts s
			if s.shake != nil {
				s.goOn()
			}
		})
	})
	s.shake.Greet(s.hello)
	s.hello = nil
	l.core.shakes.running.Add(1)
	go s.run(l, s.shake) // ends with the handshake, at the latest when c is closed; core.close waits
}

// run is the goroutine of a handshake.
func (s *secure) run(l *loop, h *tlspump.Handshake) {
	returned, err := false, error(nil)
	defer func() {
		if !returned {
			err = s.panickedShaking(recover())
		}
		l.core.shakes.end()
		l.poll.Do(func() { s.shaken(l, h, err) }) // refused: c was closed
		l.core.shakes.running.Done()
	}()
	err = h.Run()
	returned = true
}

// sendFlight writes what a handshake says, on its goroutine.
func (s *secure) sendFlight(b []byte) {
	c := s.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state == Closed {
		return
	}
	s.pump.Queue(b)
	s.flush()
	s.charge()
}

// shaken goes on when the handshake has ended. It is called on the loop.
func (s *secure) shaken(l *loop, h *tlspump.Handshake, err error) {
	c := s.conn
	if c.phase == phaseGone {
		s.pump.Drop()
		return
	}
	h.End()
	s.shake = nil
	if err == nil {
		switch s.state().NegotiatedProtocol {
		case "", "http/1.1":
		default:
			err = errALPN
		}
	}
	if err != nil {
		s.fail(l, err)
		return
	}
	c.mu.Lock()
	s.ready = true
	c.mu.Unlock()
	s.goOn()
	s.proceed(l, nil)
}

// fail ends a client whose handshake failed, once it has had the time to read
// why.
func (s *secure) fail(l *loop, err error) {
	c := s.conn
	l.count.shakesFailed.Add(1)
	l.core.Log.Debug("engine: a TLS handshake failed", "remote", c.RemoteAddr(), "err", err)
	c.phase = phaseDone
	s.goOn()
	c.mu.Lock()
	c.linger = true
	c.settle(l)
}
