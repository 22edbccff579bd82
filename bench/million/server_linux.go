package million

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Bounds on a server's answers.
const (
	startTimeout = time.Minute     // from exec to the lines that say where it listens
	statsTimeout = 5 * time.Minute // of one request for counters, a return of free memory included
	stopTimeout  = 5 * time.Second // from SIGTERM to SIGKILL
)

// server is a running weir echo.
type server struct {
	pid   int
	addr  netip.AddrPort // of its WebSockets
	stats string         // URL of its counters

	stop func()        // ends the process and waits for it; may be called again
	done chan struct{} // closed when the process has ended

	mu   sync.Mutex // guards the following
	gc   GC
	last struct { // the last collection
		collection
		at time.Time // when its line came: right after it
	}
	lines []string // the last that were not about collections
}

// counters are those of weir echo that matter here.
type counters struct {
	Connections int64 `json:"connections"`
	HeapBytes   int64 `json:"heap_bytes"`
}

// What weir echo prints once it listens.
var (
	listensOn = regexp.MustCompile(`ws://([^/\s]+)/`)
	statsOn   = regexp.MustCompile(`http://[^/\s]+/stats`)
)

// startServer starts the command line with the flags that p asks for, and waits until
// it listens. It ends with ctx, or by stop.
func startServer(ctx context.Context, p *plan) (*server, error) {
	args := append(p.Server[1:len(p.Server):len(p.Server)],
		"--listen", "127.0.0.1:0", "--stats", "127.0.0.1:0", "--keepalive", p.KeepAlive.String())
	if p.Lock {
		args = append(args, "--lock-memory")
	}
	cmd := exec.Command(p.Server[0], args...)
	cmd.Env = append(os.Environ(), "GODEBUG=gctrace=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a Ctrl-C is for us to handle
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("million: %w", err)
	}
	errs, err := cmd.StderrPipe()
	if err != nil {
		return nil, fmt.Errorf("million: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("million: the server does not start: %w", err)
	}
	s := &server{pid: cmd.Process.Pid, done: make(chan struct{})}
	ctx, cancel := context.WithCancel(ctx)
	told := make(chan string)
	var readers sync.WaitGroup
	readers.Go(func() { // ends with the process
		defer close(told)
		readLines(out, func(line string) { tellOnce(ctx, told, line) })
	})
	readers.Go(func() { readLines(errs, s.note) }) // ends with the process
	go func() {                                    // ends with the process; stop waits
		defer close(s.done)
		<-ctx.Done()
		end(cmd, &readers)
	}()
	s.stop = func() { cancel(); <-s.done }
	if err := s.findAddresses(told); err != nil {
		s.stop() // then all that it said has come
		return nil, fmt.Errorf("%w%s", err, s.said())
	}
	return s, nil
}

// end ends the process of cmd, waiting for a while before it is killed, and then for
// the goroutines that read its output.
func end(cmd *exec.Cmd, readers *sync.WaitGroup) {
	_ = cmd.Process.Signal(syscall.SIGTERM) // an error says that it has ended
	kill := time.AfterFunc(stopTimeout, func() { _ = cmd.Process.Kill() })
	readers.Wait()
	_ = cmd.Wait() // how it ended does not matter any more
	kill.Stop()
}

// readLines calls on for each line of r until its end.
func readLines(r io.Reader, on func(string)) {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		on(lines.Text())
	}
	_, _ = io.Copy(io.Discard, r) // after a line that is too long: the writer must not wait
}

// tellOnce passes a line on while somebody listens.
func tellOnce(ctx context.Context, told chan<- string, line string) {
	select {
	case told <- line:
	case <-ctx.Done():
	case <-time.After(time.Second): // nobody does: the server is up
	}
}

// findAddresses reads where the server listens from what it prints.
func (s *server) findAddresses(told <-chan string) error {
	timeout := time.NewTimer(startTimeout)
	defer timeout.Stop()
	for !s.addr.IsValid() || s.stats == "" {
		select {
		case line, more := <-told:
			if !more {
				return errors.New("million: the server ended before it listened")
			}
			if m := listensOn.FindStringSubmatch(line); m != nil {
				s.addr, _ = netip.ParseAddrPort(m[1]) // not valid: another line may be
			}
			if url := statsOn.FindString(line); url != "" {
				s.stats = url
			}
		case <-timeout.C:
			return errors.New("million: the server does not say where it listens")
		}
	}
	return nil
}

// note reads a line of the server's standard error.
func (s *server) note(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, ok := parseCollection(line)
	if !ok {
		s.lines = append(s.lines, line)
		s.lines = s.lines[max(0, len(s.lines)-maxTail):]
		return
	}
	s.gc.add(c)
	s.last.collection, s.last.at = c, time.Now()
}

// said is what the server last said, to be appended to an error.
func (s *server) said() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.lines) == 0 {
		return ""
	}
	return "; it said: " + strings.Join(s.lines, " | ")
}

// collections returns what collections cost so far, and the last of them.
func (s *server) collections() (total GC, last collection, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.gc, s.last.collection, s.last.at
}

// count reads the server's counters.
func (s *server) count(ctx context.Context) (counters, error) {
	return s.ask(ctx, http.MethodGet, s.stats)
}

// trim collects garbage in the server, returns its free memory to the system and reads
// its counters.
func (s *server) trim(ctx context.Context) (counters, error) {
	return s.ask(ctx, http.MethodPost, strings.TrimSuffix(s.stats, "/stats")+"/trim")
}

func (s *server) ask(ctx context.Context, method, url string) (c counters, err error) {
	ctx, cancel := context.WithTimeout(ctx, statsTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		return c, fmt.Errorf("million: %w", err)
	}
	request.Close = true // a connection that is kept would be memory of the server
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return c, fmt.Errorf("million: %w", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return c, fmt.Errorf("million: %s %s: %s", method, url, answer.Status)
	}
	if err := json.NewDecoder(answer.Body).Decode(&c); err != nil {
		return c, fmt.Errorf("million: %s %s: %w", method, url, err)
	}
	return c, nil
}
