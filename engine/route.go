package engine

import (
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"

	"github.com/weirws/weir/codec"
)

// Handle gives connections whose path matches pattern a Handler of their own.
// Patterns are those of [http.ServeMux], such as "/chat/{room}"; Upgrade reads
// their parts with PathValue of [Request.HTTP]. A path that matches none goes
// to the Handler that New was given, within [Options.Path], or is refused with
// 404 if that Handler is empty. Handle may be called at any time, from any
// goroutine. Like ServeMux it panics if pattern is malformed or conflicts with
// another.
func (s *Server) Handle(pattern string, h Handler) {
	s.mux.Handle(pattern, s.core.newRoute(s, h))
	s.routed.Store(true)
}

// ServeHTTP makes a route findable by http.ServeMux. It answers nothing itself:
// w is a found.
func (rt *route) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	w.(*found).route = rt
}

// found is the ResponseWriter that the mux is asked with.
type found struct {
	route  *route
	header http.Header
	status int
}

func (f *found) Header() http.Header {
	if f.header == nil {
		f.header = make(http.Header)
	}
	return f.header
}
func (f *found) Write(b []byte) (int, error) { return len(b), nil }
func (f *found) WriteHeader(status int)      { f.status = status }

// match finds the route of a request. The http.Request is nil if it was not
// needed.
func (s *Server) match(r *codec.Request) (*route, *http.Request, error) {
	if !s.routed.Load() {
		rt, err := s.root(string(r.Path))
		return rt, nil, err
	}
	hr := r.HTTP(false)
	rt, err := s.matchHTTP(hr)
	return rt, hr, err
}

// matchHTTP finds the route of hr, and gives hr its path values.
func (s *Server) matchHTTP(hr *http.Request) (*route, error) {
	if !s.routed.Load() {
		return s.root(hr.URL.EscapedPath())
	}
	f := new(found)
	s.mux.ServeHTTP(f, hr)
	if f.route != nil {
		return f.route, nil
	}
	if f.status == http.StatusNotFound && !s.empty {
		return s.root(hr.URL.EscapedPath())
	}
	f.Header().Del("Content-Type")
	return nil, &Refusal{Status: f.status, Header: f.header, Body: http.StatusText(f.status)}
}

// root is the route of a path that has none of its own.
func (s *Server) root(path string) (*route, error) {
	if s.core.Path != "" && s.core.Path != path {
		return nil, refusal(http.StatusNotFound)
	}
	return s.base, nil
}

// judgeOrigin refuses a page of another origin: RFC 6455, 10.2.
func (s *Server) judgeOrigin(origin, host []byte) error {
	if origin == nil || s.core.CheckOrigin != nil || codec.SameOrigin(origin, host) || codec.MatchOrigin(string(origin), s.core.Origins) {
		return nil
	}
	return badOrigin()
}

func badOrigin() *Refusal {
	return &Refusal{Status: http.StatusForbidden, Body: "origin not allowed"}
}

// asks reports whether the program judges opening handshakes.
func (rt *route) asks() bool { return rt.handler.Upgrade != nil || rt.core.CheckOrigin != nil }

// admit reserves room for one more connection.
func (s *Server) admit() error {
	if s.closing.Load() || s.core.budget.now() >= levelSoft || !s.core.reserve() {
		return unavailable()
	}
	return nil
}

// judge calls CheckOrigin and Upgrade. A panic, or a Goexit, refuses with 500.
func (rt *route) judge(r *Request) (value any, err error) {
	returned, over := false, rt.core.watchdog.judge(r)
	defer func() {
		over()
		if returned {
			return
		}
		rt.core.panics.Add(1)
		rt.core.Log.Error("engine: an Upgrade callback panicked", "remote", r.RemoteAddr, "panic", fmt.Sprint(recover()), "stack", string(debug.Stack()))
		value, err = nil, refusal(http.StatusInternalServerError)
	}()
	if check := rt.core.CheckOrigin; check != nil && !check(r.HTTP) {
		err = badOrigin()
	} else if rt.handler.Upgrade != nil {
		value, err = rt.handler.Upgrade(r)
	}
	returned = true
	var refused *Refusal
	if err != nil && !errors.As(err, &refused) {
		rt.core.Log.Info("engine: an upgrade was refused", "remote", r.RemoteAddr, "err", err)
	}
	return value, err
}

// abandon tells the handler of what Upgrade returned for a connection that does
// not come to be. It lets no panic out.
func (rt *route) abandon(value any) {
	if rt.handler.Upgrade == nil || rt.handler.Abandon == nil {
		return
	}
	defer func() {
		if r := recover(); r != nil {
			rt.core.panics.Add(1)
			rt.core.Log.Error("engine: an Abandon callback panicked", "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
		}
	}()
	rt.handler.Abandon(value)
}

// asRefusal is what err is answered with.
func asRefusal(err error) *Refusal {
	var r *Refusal
	if !errors.As(err, &r) {
		return refusal(http.StatusForbidden)
	}
	if r.Status >= 300 && r.Status <= 599 && r.Body != "" {
		return r
	}
	full := *r
	full.Status = or(full.Status, http.StatusForbidden)
	if full.Status < 300 || full.Status > 599 { // no answer that refuses
		full.Status = http.StatusInternalServerError
	}
	full.Body = or(full.Body, http.StatusText(full.Status))
	return &full
}
