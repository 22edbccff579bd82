//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package poller

import (
	"sync"
	"sync/atomic"
)

const (
	chunkBits  = 10
	chunkSlots = 1 << chunkBits
)

// table finds the Conn of a descriptor, over all loops of a Poller: 8 bytes per descriptor, in
// chunks that are never moved or freed, so that looking up takes no lock. An event carries nothing
// but the descriptor, and may be older than the connection that has that number now.
type table struct {
	dir atomic.Pointer[[]*chunk]
	mu  sync.Mutex // guards the growing of dir
}

type chunk [chunkSlots]atomic.Pointer[Conn]

// get returns the connection of fd, nil if there is none.
func (t *table) get(fd int) *Conn {
	dir := t.dir.Load()
	if dir == nil {
		return nil
	}
	i := uint(fd) >> chunkBits
	if i >= uint(len(*dir)) {
		return nil
	}
	return (*dir)[i][fd&(chunkSlots-1)].Load()
}

// put makes c the connection of fd.
func (t *table) put(fd int, c *Conn) {
	dir := t.dir.Load()
	if dir == nil || fd>>chunkBits >= len(*dir) {
		dir = t.grow(fd)
	}
	(*dir)[fd>>chunkBits][fd&(chunkSlots-1)].Store(c)
}

// clear empties fd's slot. It precedes the closing of fd.
func (t *table) clear(fd int) {
	(*t.dir.Load())[fd>>chunkBits][fd&(chunkSlots-1)].Store(nil)
}

// grow makes room for fd.
func (t *table) grow(fd int) *[]*chunk {
	t.mu.Lock()
	defer t.mu.Unlock()
	var old []*chunk
	if dir := t.dir.Load(); dir != nil {
		old = *dir
	}
	n := fd>>chunkBits + 1
	if n <= len(old) {
		return t.dir.Load()
	}
	dir := make([]*chunk, n)
	for i := copy(dir, old); i < n; i++ {
		dir[i] = new(chunk)
	}
	t.dir.Store(&dir)
	return &dir
}

// of returns the connections of l.
func (t *table) of(l *Loop) (conns []*Conn) {
	dir := t.dir.Load()
	if dir == nil {
		return nil
	}
	for _, ch := range *dir {
		for i := range ch {
			if c := ch[i].Load(); c != nil && c.loop == l {
				conns = append(conns, c)
			}
		}
	}
	return conns
}
