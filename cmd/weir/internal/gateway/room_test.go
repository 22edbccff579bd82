package gateway

import (
	"errors"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/weirws/weir/cmd/weir/internal/config"
	"github.com/weirws/weir/cmd/weir/internal/memory"
	"github.com/weirws/weir/cmd/weir/internal/plain"
	"github.com/weirws/weir/engine"
)

// comers dial a gateway.
type comers struct {
	t      *testing.T
	client *engine.Client
	url    string
}

func newComers(t *testing.T, host string) *comers {
	t.Helper()
	client, err := engine.NewClient(engine.Handler{}, &engine.Options{Loops: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return &comers{t, client, "ws://" + host + plain.Path + "?topic=a"}
}

// come dials n times at once, and returns those that were let in. The others must
// be refused with 503, and told when to come back.
func (s *comers) come(n int) (in []*engine.Conn) {
	s.t.Helper()
	var wg sync.WaitGroup
	var mu sync.Mutex // guards in
	for range n {
		wg.Go(func() {
			c, err := s.client.Dial(s.t.Context(), s.url, nil)
			var refused *engine.DialError
			switch {
			case err == nil:
				mu.Lock()
				in = append(in, c)
				mu.Unlock()
			case !errors.As(err, &refused) || refused.Status != http.StatusServiceUnavailable:
				s.t.Errorf("got %v, want 503", err)
			default:
				if after, err := strconv.Atoi(refused.Header.Get("Retry-After")); err != nil || after < 1 || after > 10 {
					s.t.Errorf("Retry-After is %q", refused.Header.Get("Retry-After"))
				}
			}
		})
	}
	wg.Wait()
	return in
}

// TestMaxConnections: however many come at once, as many are let in as may be,
// and a place that is left is another's.
func TestMaxConnections(t *testing.T) {
	const most = 10
	g, host := guarded(t, func(c *config.Config) {
		c.Auth.Anonymous.Subscribe = []string{"a"}
		c.Limits.MaxConnections = most
	})
	s := newComers(t, host)
	// Who is refused for something else takes no place.
	for range most {
		if status, _ := refused(t, "ws://"+host+plain.Path+"?topic=b", nil); status != http.StatusForbidden {
			t.Errorf("got %d, want 403", status)
		}
	}
	in := s.come(10 * most)
	if len(in) != most {
		t.Fatalf("%d are let in, want %d", len(in), most)
	}
	if n := g.plain.Counts().Opened["full"]; n != 9*most {
		t.Errorf("%d are counted as refused, want %d", n, 9*most)
	}
	for _, c := range in[:3] {
		c.CloseNow()
	}
	await(t, "three have left", func() bool { return g.plain.Open() == most-3 })
	if again := s.come(10 * most); len(again) != 3 {
		t.Errorf("%d are let in again, want 3", len(again))
	}
}

// TestPlaceOfNobody: a client that was let in and never came leaves its place.
func TestPlaceOfNobody(t *testing.T) {
	g, host := guarded(t, func(c *config.Config) {
		c.Auth.Anonymous.Subscribe = []string{"a"}
		c.Limits.MaxConnections = 1
	})
	h := g.plain.Handler()
	r, err := http.NewRequest(http.MethodGet, "/ws?topic=a", nil)
	if err != nil {
		t.Fatal(err)
	}
	came, err := h.Upgrade(&engine.Request{HTTP: r})
	if err != nil {
		t.Fatal(err)
	}
	s := newComers(t, host)
	if in := s.come(1); len(in) != 0 {
		t.Error("there was a second place")
	}
	h.Abandon(came)
	if in := s.come(2); len(in) != 1 {
		t.Errorf("%d are let in, want 1", len(in))
	}
}

// TestConnectRate: beyond the rate they are told to come back.
func TestConnectRate(t *testing.T) {
	g, host := guarded(t, func(c *config.Config) {
		c.Auth.Anonymous.Subscribe = []string{"a"}
		c.Limits.ConnectRate = config.Rate(1.0 / 3600)
	})
	if in := newComers(t, host).come(20); len(in) != 1 {
		t.Errorf("%d are let in, want 1", len(in))
	}
	if n := g.plain.Counts().Opened["too_fast"]; n != 19 {
		t.Errorf("%d are counted, want 19", n)
	}
}

// TestMemoryGuard: at nine tenths of the memory nobody more is let in, who is
// there stays, and load balancers are told.
func TestMemoryGuard(t *testing.T) {
	const limit = 1 << 30
	var used atomic.Int64
	used.Store(limit / 2)
	g, host := startWith(t, Options{Config: testConfig(), Memory: func() (memory.State, bool) {
		return memory.State{Limit: limit, Used: used.Load(), Group: true}, true
	}})
	ready := func() bool {
		for _, c := range (*operated)(g).Ready() {
			if c.Name == "memory" {
				return c.Ready
			}
		}
		t.Error("memory is not told of")
		return false
	}
	s := newComers(t, host)
	stays := subscribe(t, host, "a")
	stays.settle()
	if in := s.come(3); len(in) != 3 || !ready() {
		t.Errorf("%d are let in, ready is %v, want 3 and true", len(in), ready())
	}
	used.Store(limit / 100 * 90)
	await(t, "memory is short", func() bool { return !ready() })
	if in := s.come(3); len(in) != 0 {
		t.Errorf("%d are let in, want none", len(in))
	}
	post(t, host, "/publish/a", "", "still here")
	stays.want(engine.Text, "still here")
	used.Store(limit / 100 * 89)
	await(t, "there is memory", ready)
	if in := s.come(3); len(in) != 3 {
		t.Errorf("%d are let in, want 3", len(in))
	}
}
