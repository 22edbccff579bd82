package weirtest

import (
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// Server is a weir serve or a weir echo that listens.
type Server struct {
	*Process
	Host string // where: host:port
	// Of weir serve: the key that publishers send, and where operators connect.
	Key, Admin string
}

// Serve starts weir serve on a port of its choice.
func Serve(t *testing.T, args ...string) *Server {
	t.Helper()
	return ServeCommand(t, serve(args...))
}

// ServeEnv is Serve with more variables in its environment, as NAME=value.
func ServeEnv(t *testing.T, env ...string) *Server {
	t.Helper()
	cmd := serve()
	cmd.Env = append(os.Environ(), env...)
	return ServeCommand(t, cmd)
}

func serve(args ...string) *exec.Cmd {
	return exec.Command(binary, append([]string{"serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"}, args...)...)
}

// ServeCommand is Serve by a command that becomes weir serve, without a
// configuration.
func ServeCommand(t *testing.T, cmd *exec.Cmd) *Server {
	t.Helper()
	p := StartCommand(t, cmd)
	s := &Server{Process: p, Host: p.Stdout(`Demo page +http://([^/]+)/`)[1]}
	s.Key = p.Stdout(`Authorization: Bearer (\w+)`)[1]
	s.Admin = p.Stdout(`Dashboard +http://([^/]+)/`)[1]
	return s
}

// ServeFile starts weir serve with a configuration that lets it choose its
// ports.
func ServeFile(t *testing.T, path string, args ...string) *Server {
	t.Helper()
	p := Start(t, append([]string{"serve", "-c", path}, args...)...)
	return &Server{Process: p, Host: p.Stdout(`WebSocket +wss?://([^/]+)/`)[1], Admin: p.Stdout(`Dashboard +http://([^/]+)/`)[1]}
}

// Echo starts weir echo on a port of its choice.
func Echo(t *testing.T, args ...string) *Server {
	t.Helper()
	p := Start(t, append([]string{"echo", "--listen", "127.0.0.1:0"}, args...)...)
	return &Server{Process: p, Host: p.Stdout(`weir echo on ws://([^/]+)/`)[1]}
}

// URL is where the server answers with scheme at path.
func (s *Server) URL(scheme, path string) string { return scheme + "://" + s.Host + path }

// Operators is the answer to a GET of the operators' port, and its body.
func (s *Server) Operators(path string) (*http.Response, string) {
	s.t.Helper()
	r, err := http.NewRequest(http.MethodGet, "http://"+s.Admin+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return s.ask(r)
}

// Publish publishes a message with the server's key, and returns the answer and
// its body.
func (s *Server) Publish(topic, contentType, body string) (*http.Response, string) {
	s.t.Helper()
	r, err := http.NewRequest(http.MethodPost, s.URL("http", "/publish/"+topic), strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Content-Type", contentType)
	r.Header.Set("Authorization", "Bearer "+s.Key)
	return s.ask(r)
}

// ask returns an answer and its body.
func (s *Server) ask(r *http.Request) (*http.Response, string) {
	s.t.Helper()
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer, string(text)
}

// Stop ends the server with SIGTERM, and waits until it has.
func (s *Server) Stop() {
	s.t.Helper()
	s.Signal(syscall.SIGTERM)
	if code := s.Wait(); code != 0 {
		s.t.Errorf("it ended with %d after SIGTERM:\n%s", code, s.errs)
	}
}
