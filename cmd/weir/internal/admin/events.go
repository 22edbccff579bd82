package admin

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/weirws/weir/cmd/weir/internal/hub"
	"github.com/weirws/weir/cmd/weir/internal/reply"
)

// event is a [hub.Event] as it is shown.
type event struct {
	At        time.Time `json:"at"`
	What      string    `json:"what"`
	Topic     string    `json:"topic,omitempty"`
	ID        string    `json:"id,omitempty"`
	Event     string    `json:"event,omitempty"`
	Conn      uint64    `json:"conn,omitempty"`
	User      string    `json:"user,omitempty"`
	Detail    string    `json:"detail,omitempty"`
	Bytes     int       `json:"bytes,omitempty"`
	Binary    bool      `json:"binary,omitempty"`
	Receivers *int      `json:"receivers,omitempty"`
	// Data is the text of a message, and Base64 a binary one, if payloads were
	// asked for; Cut is true if that is the beginning only.
	Data   *string `json:"data,omitempty"`
	Base64 []byte  `json:"base64,omitempty"`
	Cut    bool    `json:"cut,omitempty"`
}

func shown(e *hub.Event, payloads bool) event {
	out := event{At: e.At, What: e.What, Topic: e.Topic, ID: e.ID, Event: e.Event, Conn: e.Conn, User: e.User, Detail: e.Detail, Bytes: e.Bytes, Binary: e.Binary}
	if e.What != "publish" {
		return out
	}
	out.Receivers = &e.Receivers
	if !payloads {
		return out
	}
	data := e.Data
	if len(data) > maxEventBytes {
		data, out.Cut = data[:maxEventBytes], true
		for !e.Binary && !utf8.Valid(data) {
			data = data[:len(data)-1]
		}
	}
	if e.Binary {
		out.Base64 = data
		return out
	}
	text := string(data)
	out.Data = &text
	return out
}

// stream writes server-sent events.
type stream struct {
	w    http.ResponseWriter
	ctl  *http.ResponseController
	fail error
}

// send writes one event.
func (s *stream) send(name string, v any) {
	if s.fail != nil {
		return
	}
	body, err := json.Marshal(v)
	if err != nil {
		panic("admin: an event that is no JSON: " + err.Error())
	}
	_ = s.ctl.SetWriteDeadline(time.Now().Add(writeTime)) // a writer without deadlines waits for ever
	if _, s.fail = fmt.Fprintf(s.w, "event: %s\ndata: %s\n\n", name, body); s.fail == nil {
		s.fail = s.ctl.Flush()
	}
}

// events serves GET /api/admin/events?topic=&conn=&payloads=1: the counters each
// second, and if a topic or a connection is named, what happens there. Messages
// are not shown unless payloads is 1. Of more than maxEvents in a second only
// the number is told.
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	wants, ok := s.wants(w, r)
	if !ok {
		return
	}
	select {
	case s.streams <- struct{}{}:
		defer func() { <-s.streams }()
	default:
		reply.Refuse(w, http.StatusServiceUnavailable, "too many watch already")
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no")
	w.WriteHeader(http.StatusOK)
	out := &stream{w: w, ctl: http.NewResponseController(w)}
	payloads := r.URL.Query().Get("payloads") == "1"
	var happens chan hub.Event // nil: nothing is asked for
	missed := func() uint64 { return 0 }
	if wants != nil {
		watch := s.o.Gateway.Hub().Watch(eventRoom, payloads, wants)
		defer s.o.Gateway.Hub().Unwatch(watch)
		happens, missed = watch.C, watch.Missed
	}
	s.pump(r, out, happens, missed, payloads)
}

// pump writes events until nobody reads them any more.
func (s *Server) pump(r *http.Request, out *stream, happens chan hub.Event, missed func() uint64, payloads bool) {
	tick := time.NewTicker(statsEvery)
	defer tick.Stop()
	out.send("stats", s.answered())
	sent, skipped, told := 0, uint64(0), uint64(0)
	for out.fail == nil {
		select {
		case <-r.Context().Done():
			return
		case <-s.stop:
			out.send("stats", s.answered()) // how it ended
			return
		case <-tick.C:
			sent = 0
			if all := skipped + missed(); all > told {
				out.send("skipped", map[string]uint64{"events": all - told})
				told = all
			}
			out.send("stats", s.answered())
		case e := <-happens:
			if sent++; sent > maxEvents {
				skipped++
				continue
			}
			out.send("event", shown(&e, payloads))
		}
	}
}

// wants says which events a request asks for, nil for none, or answers that it
// asks for nonsense.
func (s *Server) wants(w http.ResponseWriter, r *http.Request) (wants func(*hub.Event) bool, ok bool) {
	topic, conn := r.URL.Query().Get("topic"), r.URL.Query().Get("conn")
	if conn == "" {
		if topic == "" {
			return nil, true
		}
		return func(e *hub.Event) bool { return e.Topic == topic }, true
	}
	id, err := strconv.ParseUint(conn, 10, 64)
	if err != nil {
		reply.Refuse(w, http.StatusBadRequest, "the id of a connection is a number")
		return nil, false
	}
	g := s.o.Gateway
	if _, there := g.Conn(id); !there {
		noConn(w, conn)
		return nil, false
	}
	return func(e *hub.Event) bool {
		if topic != "" && e.Topic != topic {
			return false
		}
		return e.Conn == id || e.What == "publish" && g.Subscribes(id, e.Topic)
	}, true
}
