package main_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/weirws/weir/cmd/weir/internal/weirtest"
	"github.com/weirws/weir/engine"
)

// TestEcho: on both paths, inline and through workers, a message comes back as
// it came.
func TestEcho(t *testing.T) {
	for _, flags := range [][]string{nil, {"--loops", "2"}, {"--workers", "4"}, {"--loops", "1", "--workers", "1"}} {
		t.Run(strings.Join(flags, " "), func(t *testing.T) {
			s := weirtest.Echo(t, flags...)
			for _, path := range []string{"/", "/echo"} {
				p := dial(t, s.URL("ws", path))
				for _, m := range []engine.Message{
					{Kind: engine.Text, Data: []byte("hello")},
					{Kind: engine.Text, Data: []byte("ä€😀")},
					{Kind: engine.Text},
					{Kind: engine.Binary, Data: []byte{0, 1, 0xfe, 0xff}},
					{Kind: engine.Binary, Data: bytes.Repeat([]byte("weir"), 64<<10)},
					{Kind: engine.Binary},
				} {
					if err := p.Send(m.Kind, m.Data); err != nil {
						t.Fatal(err)
					}
					if got := p.message(); got.Kind != m.Kind || !bytes.Equal(got.Data, m.Data) {
						t.Errorf("%s: got %v of %d bytes, want %v of %d", path, got.Kind, len(got.Data), m.Kind, len(m.Data))
					}
				}
			}
		})
	}
}

// TestEchoBroadcast: all on the path get it, the sender too.
func TestEchoBroadcast(t *testing.T) {
	for _, flags := range [][]string{nil, {"--workers", "4"}} {
		t.Run(strings.Join(flags, " "), func(t *testing.T) {
			s := weirtest.Echo(t, flags...)
			var crowd []*peer
			for range 10 {
				p := dial(t, s.URL("ws", "/broadcast"))
				p.settle()
				crowd = append(crowd, p)
			}
			apart := dial(t, s.URL("ws", "/echo"))
			for i, sender := range crowd {
				kind := engine.Text
				if i%2 == 1 {
					kind = engine.Binary
				}
				if err := sender.Send(kind, []byte(fmt.Sprint("from ", i))); err != nil {
					t.Fatal(err)
				}
				for _, p := range crowd {
					if got := p.message(); got.Kind != kind || got.String() != fmt.Sprint("from ", i) {
						t.Fatalf("got %v %q, want %v from %d", got.Kind, got.Data, kind, i)
					}
				}
			}
			apart.settle()
			if n := len(apart.got); n != 0 {
				t.Errorf("a connection on /echo got %d messages, want 0", n)
			}
		})
	}
}

// TestEchoSlowReader: a client that sends much before it reads is made to wait
// by TCP, and gets all of it.
func TestEchoSlowReader(t *testing.T) {
	s := weirtest.Echo(t)
	p := dial(t, s.URL("ws", "/echo"))
	p.Pause()
	const messages, size = 256, 64 << 10
	for i := range messages {
		if err := p.Send(engine.Binary, bytes.Repeat([]byte{byte(i)}, size)); err != nil {
			t.Fatal(err)
		}
	}
	p.Resume()
	for i := range messages {
		if got := p.message(); len(got.Data) != size || got.Data[0] != byte(i) || got.Data[size-1] != byte(i) {
			t.Fatalf("message %d: got %d bytes of %d", i, len(got.Data), got.Data[0])
		}
	}
}

func TestEchoOtherPath(t *testing.T) {
	s := weirtest.Echo(t)
	got := weirtest.Run(t, "", "connect", s.URL("ws", "/other"))
	if got.Exit != 1 || !strings.Contains(got.Stderr, "answered 404 Not Found instead of opening a WebSocket") {
		t.Errorf("got %+v, want exit code 1 and 404", got)
	}
}

// TestEchoLimits: the flags are the limits.
func TestEchoLimits(t *testing.T) {
	s := weirtest.Echo(t, "--max-message", "1k", "--max-fragments", "3")
	t.Run("a message within", func(t *testing.T) {
		p := dial(t, s.URL("ws", "/echo"))
		if err := p.Send(engine.Binary, make([]byte, 1024)); err != nil {
			t.Fatal(err)
		}
		if got := p.message(); len(got.Data) != 1024 {
			t.Errorf("got %d bytes, want 1024", len(got.Data))
		}
	})
	t.Run("a longer message", func(t *testing.T) {
		p := dial(t, s.URL("ws", "/echo"))
		if err := p.Send(engine.Binary, make([]byte, 1025)); err != nil {
			t.Fatal(err)
		}
		if end := p.end(); end.Code != engine.StatusMessageTooBig {
			t.Errorf("got %v, want 1009", end)
		}
	})
	t.Run("more fragments", func(t *testing.T) {
		p := dial(t, s.URL("ws", "/echo"))
		for range 4 {
			if err := p.SendWith(engine.Text, []byte("x"), engine.SendOptions{More: true}); err != nil {
				t.Fatal(err)
			}
		}
		if end := p.end(); end.Code != engine.StatusPolicyViolation {
			t.Errorf("got %v, want 1008", end)
		}
	})
	t.Run("none", func(t *testing.T) {
		s := weirtest.Echo(t, "--max-message", "0", "--max-fragments", "0")
		p := dial(t, s.URL("ws", "/echo"))
		const size = engine.DefaultMaxMessageBytes + 1
		if err := p.Send(engine.Binary, make([]byte, size)); err != nil {
			t.Fatal(err)
		}
		if got := p.message(); len(got.Data) != size {
			t.Errorf("got %d bytes, want %d", len(got.Data), size)
		}
		for i := range engine.DefaultMaxFragments + 1 {
			if err := p.SendWith(engine.Text, nil, engine.SendOptions{More: i < engine.DefaultMaxFragments}); err != nil {
				t.Fatal(err)
			}
		}
		if got := p.message(); len(got.Data) != 0 {
			t.Errorf("got %d bytes, want 0", len(got.Data))
		}
	})
}

// TestEchoKeepAlive: a silent client is pinged.
func TestEchoKeepAlive(t *testing.T) {
	s := weirtest.Echo(t, "--keepalive", "200ms")
	p := dial(t, s.URL("ws", "/echo"))
	for range 3 {
		receive(t, p.pings, "a ping")
	}
}

// TestEchoStats: counters as JSON, and memory that is given back.
func TestEchoStats(t *testing.T) {
	s := weirtest.Echo(t, "--stats", "127.0.0.1:0")
	host := s.Stdout(`stats on http://([^/]+)/stats`)[1]
	p := dial(t, s.URL("ws", "/echo"))
	if err := p.SendText("hello"); err != nil {
		t.Fatal(err)
	}
	p.message()
	for _, test := range []struct {
		method, path string
		status       int
	}{
		{"GET", "/", 200},
		{"GET", "/stats", 200},
		{"POST", "/trim", 200},
		{"GET", "/trim", 405},
		{"POST", "/stats", 405},
		{"GET", "/nowhere", 404},
	} {
		t.Run(test.method+" "+test.path, func(t *testing.T) {
			r, err := http.NewRequestWithContext(t.Context(), test.method, "http://"+host+test.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			answer, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer answer.Body.Close()
			if answer.StatusCode != test.status {
				t.Errorf("got %s, want %d", answer.Status, test.status)
			}
			if test.status != 200 {
				return
			}
			var got map[string]float64
			if err := json.NewDecoder(answer.Body).Decode(&got); err != nil {
				t.Fatal(err)
			}
			for name, want := range map[string]float64{"pid": float64(s.PID()), "connections": 1, "messages_in": 1, "bytes_in": 5, "upgraded": 1} {
				if got[name] != want {
					t.Errorf("%s: got %v, want %v", name, got[name], want)
				}
			}
			if got["heap_bytes"] == 0 || got["goroutines"] == 0 {
				t.Errorf("got %v, want the process's figures in it", got)
			}
		})
	}
}

func TestEchoProfile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "cpu.prof")
	s := weirtest.Echo(t, "--cpuprofile", file)
	dial(t, s.URL("ws", "/echo")).settle()
	s.Stop()
	profile, err := os.ReadFile(file)
	if err != nil || !bytes.HasPrefix(profile, []byte{0x1f, 0x8b}) {
		t.Errorf("got %d bytes, %v, want a profile", len(profile), err)
	}
	got := weirtest.Run(t, "", "echo", "--listen", "127.0.0.1:0", "--cpuprofile", t.TempDir()+"/none/cpu.prof")
	if got.Exit != 1 || !strings.Contains(got.Stderr, "the profile cannot be written") {
		t.Errorf("got %+v, want exit code 1 and why", got)
	}
}

// TestEchoLockMemory: the memory is locked, or it is said what forbids it.
func TestEchoLockMemory(t *testing.T) {
	p := weirtest.Start(t, "echo", "--listen", "127.0.0.1:0", "--lock-memory")
	if !p.Says("weir echo on") {
		if _, stderr := p.Text(); !regexp.MustCompile("ulimit -l unlimited|does not work on").MatchString(stderr) {
			t.Errorf("got %q, want the fix", stderr)
		}
		return
	}
	if kib(t, p.PID(), "VmLck") == 0 {
		t.Error("no memory is locked")
	}
}

// kib is what the system says of a process's memory.
func kib(t *testing.T, pid int, name string) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(name + `:\s+(\d+) kB`).FindSubmatch(status)
	if found == nil {
		t.Fatalf("there is no %s:\n%s", name, status)
	}
	n, err := strconv.Atoi(string(found[1]))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestEchoTrimsLockedMemory: free memory goes back to the system although it was locked, and what is left is locked
// again.
func TestEchoTrimsLockedMemory(t *testing.T) {
	p := weirtest.Start(t, "echo", "--listen", "127.0.0.1:0", "--stats", "127.0.0.1:0", "--max-message", "64m", "--lock-memory")
	if !p.Says("stats on") {
		return // TestEchoLockMemory says why
	}
	out, _ := p.Text()
	c := dial(t, regexp.MustCompile(`ws://[^/]+/`).FindString(out))
	if err := c.Send(engine.Binary, make([]byte, 32<<20)); err != nil {
		t.Fatal(err)
	}
	c.message()
	before := kib(t, p.PID(), "VmRSS")
	trim := regexp.MustCompile(`http://[^/]+/`).FindString(out) + "trim"
	for range 3 { // what a sync.Pool holds survives a collection
		answer, err := http.Post(trim, "", nil)
		if err != nil {
			t.Fatal(err)
		}
		if answer.Body.Close(); answer.StatusCode != http.StatusOK {
			t.Fatalf("got %s", answer.Status)
		}
	}
	if after := kib(t, p.PID(), "VmRSS"); before-after < 16<<10 {
		t.Errorf("%d KiB before, and still %d", before, after)
	}
	if kib(t, p.PID(), "VmLck") == 0 {
		t.Error("what is left is not locked any more")
	}
}
