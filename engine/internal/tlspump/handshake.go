package tlspump

import (
	"crypto/tls"
	"net"
	"sync"
)

// Slots bounds the handshakes that compute at a time: one slot each.
type Slots chan struct{}

// NewSlots returns n of them.
func NewSlots(n int) Slots { return make(Slots, n) }

// Handshake is a TLS handshake that runs on a goroutine of its own: crypto/tls
// can't leave one and come back. It gives its slot up while it waits for the
// peer, or for a callback of the tls.Config.
type Handshake struct {
	pump  *Pump
	slots Slots
	send  func([]byte)
	more  func()

	out []byte // of this flight; owned by the goroutine

	mu   sync.Mutex // guards the following, and the transport's in
	cond sync.Cond  // there is input, or over
	over bool
}

// Begin makes the handshake that Run runs. send is called on Run's goroutine
// with a flight to be written, and copies what it keeps of it. more, if not nil,
// is called there when all that was fed is used up.
//
// Until Run has returned and End was called only Feed, Abort and Flush may be
// called.
func (p *Pump) Begin(s Slots, send func([]byte), more func()) *Handshake {
	h := &Handshake{pump: p, slots: s, send: send, more: more}
	h.cond.L = &h.mu
	p.t.shake = h
	return h
}

// Run shakes hands. It blocks until that is done, has failed, or Abort was
// called. An alert that says why it failed was sent.
func (h *Handshake) Run() (err error) {
	h.slots <- struct{}{}
	defer func() {
		<-h.slots
		h.flush()
	}()
	return h.pump.tls.Handshake()
}

// Feed brings ciphertext, which is copied, and returns how much waits. It may be
// called from any goroutine.
func (h *Handshake) Feed(b []byte) (waits int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	t := &h.pump.t
	t.in = append(t.in, b...)
	h.cond.Signal()
	return len(t.in)
}

// Abort makes the handshake fail with net.ErrClosed. It may be called from any
// goroutine.
func (h *Handshake) Abort() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.over = true
	h.cond.Signal()
}

// End says that Run has returned: the Pump is stepped from now on. Input that
// is left is still to be read.
func (h *Handshake) End() {
	t := &h.pump.t
	t.shake = nil
	if len(t.in) == 0 {
		t.in = nil
	}
}

// flush has the flight sent.
func (h *Handshake) flush() {
	if len(h.out) > 0 {
		h.send(h.out)
		h.out = h.out[:0]
	}
}

// read is the transport's Read. It waits for input.
func (h *Handshake) read(t *transport, b []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(t.in) == 0 && !h.over {
		h.mu.Unlock()
		h.flush()
		if h.more != nil {
			h.more()
		}
		h.yield(h.wait)
		h.mu.Lock()
	}
	if h.over {
		return 0, net.ErrClosed
	}
	n := t.take(b)
	if len(t.in) == 0 {
		t.in = nil
	}
	return n, nil
}

func (h *Handshake) wait() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for len(h.pump.t.in) == 0 && !h.over {
		h.cond.Wait()
	}
}

// yield gives the slot up while f waits for something.
func (h *Handshake) yield(f func()) {
	<-h.slots
	defer func() { h.slots <- struct{}{} }()
	f()
}

// Prepare has the callbacks of cfg that find certificates give the slot of
// their handshake up: they may ask the network. cfg is written to.
func Prepare(cfg *tls.Config) {
	if find := cfg.GetCertificate; find != nil {
		cfg.GetCertificate = func(hello *tls.ClientHelloInfo) (cert *tls.Certificate, err error) {
			yielding(hello.Conn, func() { cert, err = find(hello) })
			return cert, err
		}
	}
	if find := cfg.GetConfigForClient; find != nil {
		cfg.GetConfigForClient = func(hello *tls.ClientHelloInfo) (found *tls.Config, err error) {
			yielding(hello.Conn, func() { found, err = find(hello) })
			return found, err
		}
	}
}

// yielding calls f, without the slot if nc is the transport of a handshake.
func yielding(nc net.Conn, f func()) {
	if t, ok := nc.(*transport); ok && t.shake != nil {
		t.shake.yield(f)
		return
	}
	f()
}
