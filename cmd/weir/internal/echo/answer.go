package echo

import (
	"errors"
	"sync"

	"github.com/weirws/weir/engine"
)

// held are the answers of connections whose backlog is full. Those are not read
// until they have read: TCP tells their peers to wait. So they hold one message
// each, or with workers as many as wait for one.
type held struct {
	mu sync.Mutex // guards the following
	of map[*engine.Conn][]engine.Message
}

// answer sends m back as it came.
func (s *Server) answer(c *engine.Conn, m engine.Message) {
	if !c.Paused() {
		if err := c.Send(m.Kind, m.Data); err == nil || !errors.Is(err, engine.ErrBacklogFull) {
			return // it was accepted, or there is nobody any more
		}
		c.Pause()
	}
	s.held.mu.Lock()
	defer s.held.mu.Unlock()
	s.held.of[c] = append(s.held.of[c], m.Clone())
}

// goOn sends what was held for c, as much as fits now, and has c read again
// when that is all.
func (s *Server) goOn(c *engine.Conn) {
	s.held.mu.Lock()
	defer s.held.mu.Unlock()
	messages := s.held.of[c]
	for i, m := range messages {
		if errors.Is(c.Send(m.Kind, m.Data), engine.ErrBacklogFull) {
			s.held.of[c] = messages[i:] // goOn is called again
			return
		}
	}
	delete(s.held.of, c)
	c.Resume()
}

// forget drops what was held for c, which has gone.
func (s *Server) forget(c *engine.Conn, _ error) {
	s.held.mu.Lock()
	defer s.held.mu.Unlock()
	delete(s.held.of, c)
}
