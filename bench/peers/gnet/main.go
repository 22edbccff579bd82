// The gnet server echoes and broadcasts on a gnet.Engine with one event loop:
// nothing but a decoder in its handler, so that it is the engine that is measured.
package main

import (
	"errors"
	"log"
	"os"

	"github.com/panjf2000/gnet/v2"
	"github.com/panjf2000/gnet/v2/pkg/logging"
	"github.com/weirws/weir/bench/peers/internal/peer"
	"github.com/weirws/weir/bench/peers/internal/raw"
)

func main() {
	addr := peer.Listen()
	s := &server{room: make(map[gnet.Conn]struct{})}
	err := gnet.Run(s, "tcp://"+addr, gnet.WithTCPNoDelay(gnet.TCPNoDelay), gnet.WithLogLevel(logging.ErrorLevel))
	if err != nil {
		log.Fatal(err)
	}
	os.Exit(1) // gnet.Run returns when the engine gave up
}

// server belongs to the one event loop.
type server struct {
	gnet.BuiltinEventEngine
	room map[gnet.Conn]struct{}
}

// conn is what the server knows of a connection.
type conn struct {
	upgraded  bool
	broadcast bool
	partial   []byte // an incomplete frame: kept here, gnet's own buffer would be copied at each read
	need      int    // its length, when known
}

func (s *server) OnOpen(c gnet.Conn) ([]byte, gnet.Action) {
	c.SetContext(&conn{})
	return nil, gnet.None
}

func (s *server) OnClose(c gnet.Conn, _ error) gnet.Action {
	delete(s.room, c)
	return gnet.None
}

func (s *server) OnTraffic(c gnet.Conn) gnet.Action {
	st := c.Context().(*conn)
	b, err := c.Next(-1)
	if err != nil {
		return gnet.Close
	}
	if !st.upgraded {
		if b, err = s.upgrade(c, st, b); err != nil {
			return gnet.Close
		}
	}
	if len(st.partial) > 0 {
		st.partial = append(st.partial, b...)
		if len(st.partial) < st.need {
			return gnet.None
		}
		b, st.partial = st.partial, st.partial[:0]
	}
	replies, n, need, err := raw.Replies(b)
	if len(replies) > 0 {
		s.deliver(c, st, replies)
	}
	if err != nil {
		if errors.Is(err, raw.ErrClosed) {
			_ = c.Flush() // the connection ends either way
		}
		return gnet.Close
	}
	if rest := b[n:]; len(rest) > 0 {
		st.keep(rest, need)
	}
	return gnet.None
}

// upgrade answers a whole request and returns the frames behind it.
func (s *server) upgrade(c gnet.Conn, st *conn, b []byte) ([]byte, error) {
	st.partial = append(st.partial, b...)
	answer, path, n, err := raw.Upgrade(st.partial)
	if n == 0 {
		return nil, err
	}
	if _, werr := c.Write(answer); werr != nil || err != nil {
		return nil, errors.Join(err, werr)
	}
	st.upgraded, st.broadcast = true, raw.IsBroadcast(path)
	if st.broadcast {
		s.room[c] = struct{}{}
	}
	rest := st.partial[n:]
	st.partial = nil
	return rest, nil
}

// keep holds the beginning of a frame of need bytes; 0: not known yet.
func (st *conn) keep(rest []byte, need int) {
	st.need = need
	if cap(st.partial) < need {
		st.partial = make([]byte, 0, need)
	}
	st.partial = append(st.partial[:0], rest...)
}

// deliver writes replies back, or to everyone in the room. Pongs are for one only.
func (s *server) deliver(c gnet.Conn, st *conn, replies []byte) {
	if !st.broadcast || replies[0]&0x08 != 0 {
		_, _ = c.Write(replies) // gnet closes a connection that fails
		return
	}
	for member := range s.room {
		_, _ = member.Write(replies) // gnet closes a connection that fails
	}
}
