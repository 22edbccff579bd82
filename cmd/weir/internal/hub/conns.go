package hub

import (
	"maps"
	"sync"

	"github.com/weirws/weir/engine"
)

// conns finds connections by their IDs: in as many tables as keep those that
// come and go at the same time out of each other's way. A connection costs some
// 30 bytes there.
type conns [connTables]struct {
	sync.RWMutex // guards the following
	byID         map[uint64]*engine.Conn
	most         int // connections since the map was made
}

// Know makes c known by its ID, until Forget.
func (h *Hub) Know(c *engine.Conn) {
	t := &h.conns[c.ID()%connTables]
	t.Lock()
	defer t.Unlock()
	if t.byID == nil {
		t.byID = make(map[uint64]*engine.Conn)
	}
	t.byID[c.ID()] = c
	t.most = max(t.most, len(t.byID))
}

// Forget ends what Know began.
func (h *Hub) Forget(c *engine.Conn) {
	t := &h.conns[c.ID()%connTables]
	t.Lock()
	defer t.Unlock()
	delete(t.byID, c.ID())
	if t.most > minConns && len(t.byID) < t.most/4 { // a map keeps the room of its largest size
		t.byID = maps.Collect(maps.All(t.byID))
		t.most = len(t.byID)
	}
}

// Conn returns the connection of that ID, nil if there is none.
func (h *Hub) Conn(id uint64) *engine.Conn {
	t := &h.conns[id%connTables]
	t.RLock()
	defer t.RUnlock()
	return t.byID[id]
}
