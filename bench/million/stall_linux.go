package million

import (
	"errors"
	"time"
)

// lineDelay is how long the line about a collection may take to get here.
const lineDelay = 10 * time.Second

// stall finds how long the server's loops are held up by a collection with all
// connections there: it asks for one, and echoes on one connection meanwhile. The line
// about the collection comes when it is over, and parts the echoes: those that began
// before waited for it, the others for the return of free memory.
func (m *measurement) stall() error {
	conn := len(m.holder.fds) - 1
	if m.holder.fds[conn] < 0 {
		return nil // it failed, and the verdict says so
	}
	for range usualEchoes {
		took, err := m.timedEcho(conn)
		if err != nil {
			return err
		}
		m.result.GC.StallUsual = max(m.result.GC.StallUsual, took)
	}
	_, _, before := m.server.collections()
	trimmed := make(chan error, 1)
	go func() { // ends with the request, which is bounded
		_, err := m.server.trim(m.ctx)
		trimmed <- err
	}()
	for returned := false; !returned; {
		begun := time.Now()
		took, err := m.timedEcho(conn)
		if err != nil {
			return err
		}
		if _, _, at := m.server.collections(); at == before || begun.Before(at) {
			m.result.GC.Stall = max(m.result.GC.Stall, took)
		} else {
			m.result.GC.StallReturn = max(m.result.GC.StallReturn, took)
		}
		select {
		case err := <-trimmed:
			if err != nil {
				return err
			}
			returned = true
		default:
		}
	}
	return m.lastCollection(before)
}

// timedEcho echoes on a connection.
func (m *measurement) timedEcho(conn int) (time.Duration, error) {
	begun := time.Now()
	if err := m.holder.echo(conn, text(conn)); err != nil {
		return 0, err
	}
	return time.Since(begun), nil
}

// lastCollection waits for the line of the collection that followed one at a time, and
// takes it over.
func (m *measurement) lastCollection(before time.Time) error {
	for deadline := time.Now().Add(lineDelay); time.Now().Before(deadline); {
		if _, last, at := m.server.collections(); at != before {
			m.result.GC.LastCPU, m.result.GC.LastMark = last.cpu, last.mark
			return nil
		}
		if err := m.holder.rest(m.ctx, 10*time.Millisecond); err != nil {
			return err
		}
	}
	return errors.New("million: the server collected no garbage, or did not say so")
}
