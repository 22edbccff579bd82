package plain

import (
	"math"
	"sync"
	"time"

	"github.com/weirws/weir/cmd/weir/internal/hub"
	"github.com/weirws/weir/engine"
)

// closeExpired is the code of a client whose token has ended.
const closeExpired engine.StatusCode = 4009

// deadlines are the clients that something is to be done about at a second: so
// there is no timer for each, and those without an end to their token are not
// in it.
type deadlines struct {
	mu sync.Mutex // guards the following, and due and slot of each client
	at map[uint32][]*Client
}

// set has cl be due in a second, 0 for never, in place of what was set before.
func (d *deadlines) set(cl *Client, second uint32) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.remove(cl)
	if second == 0 {
		return
	}
	if d.at == nil {
		d.at = make(map[uint32][]*Client)
	}
	cl.due, cl.slot = second, int32(len(d.at[second]))
	d.at[second] = append(d.at[second], cl)
}

// clear takes cl out.
func (d *deadlines) clear(cl *Client) { d.set(cl, 0) }

// remove takes cl out. mu is held.
func (d *deadlines) remove(cl *Client) {
	if cl.due == 0 {
		return
	}
	all := d.at[cl.due]
	last := len(all) - 1
	all[cl.slot] = all[last]
	all[cl.slot].slot = cl.slot
	all[last] = nil
	if last == 0 {
		delete(d.at, cl.due)
	} else {
		d.at[cl.due] = all[:last]
	}
	cl.due = 0
}

// take takes out those that are due in that second.
func (d *deadlines) take(second uint32) []*Client {
	d.mu.Lock()
	defer d.mu.Unlock()
	all := d.at[second]
	delete(d.at, second)
	for _, cl := range all {
		cl.due = 0
	}
	return all
}

// pass takes out those of the seconds behind done up to now, and returns the
// second to go on from: now, also if the clock was set back.
func (d *deadlines) pass(done, now int64) (due []*Client, next int64) {
	for ; done < now; done++ {
		due = append(due, d.take(uint32(done+1))...)
	}
	return due, now
}

// firstDeadline is when something is to be done about a client: at the end of
// its token if it can be told of it, so that it sends another, otherwise when it
// is closed.
func (p *Protocol) firstDeadline(cl *Client) uint32 {
	cl.mu.Lock()
	expires := cl.expires
	cl.mu.Unlock()
	switch {
	case expires == 0:
		return 0
	case cl.form == hub.Enveloped:
		return soon(expires)
	}
	return soon(expires + p.graceSeconds())
}

func (p *Protocol) graceSeconds() int64 {
	grace := p.settings.Load().Config.Auth.Grace
	return int64((grace + time.Second - 1) / time.Second)
}

// soon is a second that is not past: the next one at least, and at most the last
// that there is, in 2106.
func soon(second int64) uint32 { return uint32(min(max(second, time.Now().Unix()+1), math.MaxUint32)) }

// runDeadlines does every second what is due in it.
func (p *Protocol) runDeadlines() {
	defer p.running.Done()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	done := time.Now().Unix()
	for {
		select {
		case <-p.ctx.Done():
			return
		case <-tick.C:
		}
		var due []*Client
		due, done = p.deadline.pass(done, time.Now().Unix())
		for _, cl := range due {
			p.expire(cl)
		}
	}
}

// expire tells a client that its token has ended, or ends it.
func (p *Protocol) expire(cl *Client) {
	cl.mu.Lock()
	c, ends := cl.conn, cl.expires
	cl.mu.Unlock()
	now, end := time.Now().Unix(), ends+p.graceSeconds()
	if ends > now { // it was refreshed in this very moment
		p.deadline.set(cl, p.firstDeadline(cl))
		return
	}
	if left := end - now; left > 0 {
		if cl.form == hub.Enveloped { // the others are here if auth.grace is more than it was
			sendEnvelope(c, expired{Type: "expired", GraceMS: left * 1000})
		}
		p.deadline.set(cl, soon(end))
		return
	}
	_ = c.Close(closeExpired, "the token has expired") // an error says that it is closed already
}
