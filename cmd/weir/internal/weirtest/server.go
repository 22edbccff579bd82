package weirtest

import (
	"syscall"
	"testing"
)

// Server is a weir serve or a weir echo that listens.
type Server struct {
	*Process
	Host string // where: host:port
}

// Serve starts weir serve on a port of its choice.
func Serve(t *testing.T, args ...string) *Server {
	t.Helper()
	p := Start(t, append([]string{"serve", "--listen", "127.0.0.1:0"}, args...)...)
	return &Server{p, p.Stdout(`Demo page +http://([^/]+)/`)[1]}
}

// Echo starts weir echo on a port of its choice.
func Echo(t *testing.T, args ...string) *Server {
	t.Helper()
	p := Start(t, append([]string{"echo", "--listen", "127.0.0.1:0"}, args...)...)
	return &Server{p, p.Stdout(`weir echo on ws://([^/]+)/`)[1]}
}

// URL is where the server answers with scheme at path.
func (s *Server) URL(scheme, path string) string { return scheme + "://" + s.Host + path }

// Stop ends the server with SIGTERM, and waits until it has.
func (s *Server) Stop() {
	s.t.Helper()
	s.Signal(syscall.SIGTERM)
	if code := s.Wait(); code != 0 {
		s.t.Errorf("it ended with %d after SIGTERM:\n%s", code, s.errs)
	}
}
