package engine

import (
	"context"
	"net/http"
	"slices"
	"strconv"

	"github.com/weirws/weir/codec"
	"github.com/weirws/weir/engine/internal/sendq"
)

// Open is the socket's first event.
func (w *wire) Open() {
	c := (*Conn)(w)
	l := c.loop()
	l.stir()
	if c.phase == phaseOpen { // the handshake was done elsewhere
		c.enter(l)
		c.mu.Lock()
		c.settle(l)
		c.follow(l)
		return
	}
	c.due = l.now + l.core.upgrade
	l.wheel.Set(c, c.due)
}

// readHead takes bytes of the request's head.
func (c *Conn) readHead(l *loop, b []byte) {
	r := &l.request
	if c.in == nil {
		n, err := r.Parse(b, l.core.head)
		if n == 0 && err == nil {
			in := inbounds.Get().(*inbound)
			in.loop, in.head = l, codec.HeadScan{}
			in.stash(b)
			_, _ = in.head.Scan(b, l.core.head) // Parse has found no error
			l.adopt(c, in)
			return
		}
		c.judge(l, r, b, n, err)
		return
	}
	in := c.in
	in.stash(b)
	n, err := in.head.Scan(in.rest.B, l.core.head)
	if n == 0 && err == nil {
		return
	}
	all := in.unstash()
	defer all.Release()
	in.home()
	c.in = nil
	if err == nil {
		n, err = r.Parse(all.B, l.core.head)
	}
	c.judge(l, r, all.B, n, err)
}

// judge answers a request whose head is b[:n], or malformed.
func (c *Conn) judge(l *loop, r *codec.Request, b []byte, n int, err error) {
	if err != nil {
		c.refuse(l, err)
		return
	}
	if !r.IsUpgrade() {
		c.plainHTTP(l, b)
		return
	}
	srv := c.route.server
	if err := r.CheckUpgrade(); err != nil {
		c.refuse(l, err)
		return
	}
	if !c.believe(r) {
		c.refuse(l, tooMany())
		return
	}
	rt, hr, err := srv.match(r)
	if err == nil {
		err = srv.judgeOrigin(r.Origin, r.Host)
	}
	if err != nil {
		c.refuse(l, err)
		return
	}
	c.route = rt.with(srv.core.accept(r))
	if !rt.asks() {
		c.accept(l, r.Key, r.SelectSubprotocol(srv.core.Subprotocols), nil, b[n:])
		return
	}
	if hr == nil {
		hr = r.HTTP(false)
	}
	c.ask(l, r, hr, b[n:])
}

// accept answers 101 and opens c. rest is what followed the head.
func (c *Conn) accept(l *loop, key []byte, subprotocol string, h http.Header, rest []byte) {
	srv := c.route.server
	if err := srv.admit(); err != nil {
		c.route.abandon(c.value)
		c.refuse(l, err)
		return
	}
	answer, err := codec.AppendUpgrade(l.answer[:0], key, subprotocol, c.Extensions(), h)
	if err != nil {
		srv.core.unreserve()
		c.route.abandon(c.value)
		srv.core.Log.Error("engine: an Upgrade callback made a bad answer", "err", err)
		c.refuse(l, refusal(http.StatusInternalServerError))
		return
	}
	l.answer = answer[:0]
	c.mu.Lock()
	c.opened(subprotocol, answer)
	c.mu.Unlock()
	c.enter(l)
	if len(rest) > 0 {
		c.receive(l, rest)
	}
}

// opened makes c an open connection, whose first bytes out are answer: in the
// lane of control frames, so that none of those overtakes it. mu is held, or
// nobody else knows c yet.
func (c *Conn) opened(subprotocol string, answer []byte) {
	c.phase, c.state = phaseOpen, Open
	if subprotocol != "" {
		c.extend().subprotocol = subprotocol
	}
	if c.route.agreement&(agreedOurs|agreedTheirs) != 0 {
		c.extend().windows = new(windows)
	}
	if len(answer) > 0 {
		q := c.queue()
		q.Commit(append(q.Reserve(len(answer)), answer...), sendq.Terms{Class: sendq.Control})
	}
}

// enter puts an open connection on the loop's books and tells the handler.
func (c *Conn) enter(l *loop) {
	c.born, c.said, c.seen = l.now, l.now, l.now
	if c.due == 0 {
		c.due = l.now + l.core.upgrade // for the answer to be written
	}
	l.enter(c)
	l.count.upgraded.Add(1)
	l.schedule(c)
	if h := &c.route.handler; h.Open != nil && h.Message == nil && h.Fragment == nil {
		c.stops.Or(stopFresh)
	}
	c.deliver(item{op: opOpen})
}

// refuse answers an upgrade with an error, and closes.
func (c *Conn) refuse(l *loop, err error) {
	l.count.refused.Add(1)
	c.phase = phaseDone
	c.mu.Lock()
	answer := codec.AppendRefusal(l.answer[:0], asRefusal(err))
	l.answer = answer[:0]
	q := c.queue()
	q.Commit(append(q.Reserve(len(answer)), answer...), sendq.Terms{Class: sendq.Fragment})
	c.linger = true
	c.call()
	c.mu.Unlock()
}

// ask has Upgrade judge the request on a worker. rest is what followed the
// head; nothing more is read meanwhile.
func (c *Conn) ask(l *loop, r *codec.Request, hr *http.Request, rest []byte) {
	c.phase = phaseUpgrading
	c.hold()
	c.keep(l, rest)
	if !l.core.beginUpgrade() {
		c.refuse(l, unavailable())
		return
	}
	req := &Request{RemoteAddr: c.peer.addrPort(), Subprotocols: offered(r)}
	if req.RemoteAddr.IsValid() {
		hr.RemoteAddr = req.RemoteAddr.String()
	}
	ctx, cancel := context.WithTimeout(context.Background(), l.core.MaxUpgradeTime)
	req.HTTP = hr.WithContext(ctx)
	c.mu.Lock()
	c.extend().cancel = cancel
	secured := c.secured()
	c.mu.Unlock()
	if secured != nil {
		req.HTTP.TLS = secured.state()
	}
	key := slices.Clone(r.Key)
	ok := l.core.upgrades.Go(func() {
		var value any
		err := error(refusal(http.StatusInternalServerError)) // should Upgrade end its goroutine
		defer func() {
			l.core.endUpgrade()
			if !l.poll.Do(func() { c.asked(l, req, key, value, err) }) && err == nil {
				c.route.abandon(value)
			}
		}()
		value, err = c.route.judge(req)
	})
	if !ok {
		l.core.endUpgrade()
		c.refuse(l, unavailable())
	}
}

// asked goes on when Upgrade has returned. It is called on the loop.
func (c *Conn) asked(l *loop, req *Request, key []byte, value any, err error) {
	if c.phase != phaseUpgrading { // it took too long, or the server was closed
		if err == nil {
			c.route.abandon(value)
		}
		return
	}
	c.mu.Lock()
	c.more.cancel()
	c.more.cancel = nil
	c.corked = true
	c.mu.Unlock()
	if err != nil {
		c.refuse(l, err)
	} else {
		c.value = value
		c.accept(l, key, req.choose(l.core.Subprotocols), req.header, nil)
	}
	c.mu.Lock()
	c.corked = false
	c.settle(l)
	c.follow(l)
}

// offered returns the subprotocols that r offers.
func offered(r *codec.Request) (names []string) {
	for p := range r.Subprotocols() {
		names = append(names, string(p))
	}
	return names
}

// choose returns the subprotocol of the answer.
func (r *Request) choose(supported []string) string {
	if r.chosen {
		return r.subprotocol
	}
	for _, p := range r.Subprotocols {
		if slices.Contains(supported, p) {
			return p
		}
	}
	return ""
}

// refusal returns a Refusal with the text of its status.
func refusal(status int) *Refusal {
	return &Refusal{Status: status, Body: http.StatusText(status)}
}

// unavailable is the answer of a server that is full or closing.
func unavailable() *Refusal { return later(http.StatusServiceUnavailable) }

// tooMany is the answer to an address that has too much.
func tooMany() *Refusal { return later(http.StatusTooManyRequests) }

// later is a refusal of what may succeed after a while.
func later(status int) *Refusal {
	r := refusal(status)
	r.Header = http.Header{"Retry-After": {strconv.Itoa(retrySeconds)}}
	return r
}
