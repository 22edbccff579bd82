package publish

import (
	"crypto/sha256"
	"strings"
	"sync"
	"time"

	"github.com/weirws/weir/cmd/weir/internal/hub"
)

// digest stands for an idempotency key, its topic and its owner.
type digest [16]byte

func digestOf(parts ...string) digest {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return digest(sum[:16])
}

// entry is a publication that is remembered.
type entry struct {
	done    chan struct{} // closed when receipt is there, or it failed
	receipt hub.Receipt
	failed  bool
	until   time.Time
}

// ledger remembers the last publications that had an idempotency key, so that
// one that is sent again is not made again. The zero ledger is empty.
type ledger struct {
	mu    sync.Mutex // guards the following
	known map[digest]*entry
	ring  []digest // of known, in the order of their coming
	next  int      // place in ring of the oldest, once it is full
}

// once makes a publication unless one with the same digest was made, or is
// being made: then it returns what became of that. A publication that failed may
// be made again.
func (l *ledger) once(d digest, now time.Time, make func() (hub.Receipt, error)) (hub.Receipt, error) {
	for {
		l.mu.Lock()
		e := l.known[d]
		if e == nil || now.After(e.until) {
			e = l.begin(d, now)
			l.mu.Unlock()
			return l.finish(d, e, make)
		}
		l.mu.Unlock()
		<-e.done // publishing does not block
		if !e.failed {
			return e.receipt, nil
		}
	}
}

// begin notes a publication that is to be made. mu is held.
func (l *ledger) begin(d digest, now time.Time) *entry {
	if l.known == nil {
		l.known = map[digest]*entry{}
	}
	e := &entry{done: make(chan struct{}), until: now.Add(rememberTime)}
	if _, again := l.known[d]; !again { // it has its place in the ring
		if len(l.ring) < maxRemembered {
			l.ring = append(l.ring, d)
		} else {
			delete(l.known, l.ring[l.next])
			l.ring[l.next] = d
			l.next = (l.next + 1) % maxRemembered
		}
	}
	l.known[d] = e
	return e
}

// finish makes the publication, and tells those that wait for it.
func (l *ledger) finish(d digest, e *entry, make func() (hub.Receipt, error)) (hub.Receipt, error) {
	e.failed = true
	defer func() {
		l.mu.Lock()
		if e.failed && l.known[d] == e {
			e.until = time.Time{} // the next one makes it
		}
		l.mu.Unlock()
		close(e.done)
	}()
	r, err := make()
	if err != nil {
		return r, err
	}
	e.receipt, e.failed = r, false
	return r, nil
}
