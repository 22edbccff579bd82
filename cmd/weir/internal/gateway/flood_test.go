package gateway

import (
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weirws/weir/cmd/weir/internal/config"
	"github.com/weirws/weir/cmd/weir/internal/hub"
	"github.com/weirws/weir/cmd/weir/internal/plain"
	"github.com/weirws/weir/engine"
)

// crowd is many subscribers of one topic, that count what they get.
type crowd struct {
	conns []*engine.Conn
	got   atomic.Uint64
}

func gather(t *testing.T, g *Gateway, host, topic string, n int) *crowd {
	t.Helper()
	c := new(crowd)
	client, err := engine.NewClient(engine.Handler{Message: func(*engine.Conn, engine.Message) { c.got.Add(1) }}, &engine.Options{Inline: true, Loops: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	for range n {
		conn, err := client.Dial(t.Context(), "ws://"+host+plain.Path+"?topic="+topic, nil)
		if err != nil {
			t.Fatal(err)
		}
		c.conns = append(c.conns, conn)
	}
	await(t, "all subscribe", func() bool { h := g.hub.Find(topic); return h != nil && h.Subscribers() == n })
	return c
}

// flood publishes n messages from several publishers at once, and returns how
// many are answered with 200 and with 429.
func flood(t *testing.T, host, topic string, n int) (taken, busy uint64) {
	t.Helper()
	const publishers = 8
	var answers [600]atomic.Uint64
	body := strings.Repeat("x", 8<<10)
	var wg sync.WaitGroup
	for range publishers {
		wg.Go(func() {
			for range n / publishers {
				r, err := http.NewRequest(http.MethodPost, "http://"+host+"/publish/"+topic, strings.NewReader(body))
				if err != nil {
					t.Error(err)
					return
				}
				r.Header.Set("Authorization", "Bearer "+testKey)
				answer, err := http.DefaultClient.Do(r)
				if err != nil {
					t.Error(err)
					return
				}
				answer.Body.Close()
				answers[answer.StatusCode].Add(1)
				if (answer.Header.Get("Retry-After") != "") != (answer.StatusCode == http.StatusTooManyRequests) {
					t.Errorf("Retry-After is %q with %s", answer.Header.Get("Retry-After"), answer.Status)
				}
			}
		})
	}
	wg.Wait()
	taken, busy = answers[http.StatusOK].Load(), answers[http.StatusTooManyRequests].Load()
	if taken+busy != uint64(n) {
		t.Errorf("%d publications are answered with 200, %d with 429, of %d", taken, busy, n)
	}
	return taken, busy
}

// TestFlood: whatever is published to one topic, what came and what is counted
// as dropped is what was taken, for each subscriber; and memory stays within its
// budget.
func TestFlood(t *testing.T) {
	const readers, stalled, published, budget = 20, 5, 800, 64 << 20
	c := testConfig()
	c.Topics = []config.Class{{Match: "*", OnSlow: config.DropOld, MaxPendingBytes: 64 << 10}}
	c.Limits.PendingBudget = budget
	g, host := startWith(t, Options{Config: c})
	all := gather(t, g, host, "a", readers)
	for _, conn := range all.conns[:stalled] {
		conn.Pause()
	}
	done := make(chan struct{})
	var most int64
	var wg sync.WaitGroup
	wg.Go(func() {
		for look := time.NewTicker(time.Millisecond); ; <-look.C {
			most = max(most, g.server.Metrics().Memory)
			select {
			case <-done:
				look.Stop()
				return
			default:
			}
		}
	})
	taken, busy := flood(t, host, "a", published)
	close(done)
	wg.Wait()
	if most > budget {
		t.Errorf("%d bytes were held, of %d", most, budget)
	}
	for _, conn := range all.conns[:stalled] {
		conn.Resume()
	}
	want := taken * readers
	dropped := func() uint64 { e := g.server.Metrics(); return e.Dropped }
	await(t, "all is there, or dropped", func() bool { return all.got.Load()+dropped() >= want })
	if got := all.got.Load() + dropped(); got != want || dropped() == 0 {
		t.Errorf("%d came, %d are dropped, want %d together", all.got.Load(), dropped(), want)
	}
	if n := g.hub.Counts(); n.Published != taken || n.Delivered != want || n.Busy != busy {
		t.Errorf("it counts %+v, want %d taken and %d busy", n, taken, busy)
	}
	if n := g.hub.Find("a").Dropped(); n != dropped() {
		t.Errorf("%d are dropped of the topic, %d of all", n, dropped())
	}
	t.Logf("%d were taken, %d refused, %d deliveries dropped, %d KiB held at most", taken, busy, dropped(), most>>10)
}

// TestBusy: what is refused because more is published than can be given out is
// nobody's: nothing of it arrives, and nothing counts as dropped.
func TestBusy(t *testing.T) {
	const readers, ahead = 50, 8_000
	g, host := start(t)
	all := gather(t, g, host, "a", readers)
	gate := make(chan struct{})
	open := sync.OnceFunc(func() { close(gate) })
	defer open()
	for c := range g.server.Conns() { // its loop stands there, and gives nothing out
		if err := c.Do(func() { <-gate }); err != nil {
			t.Fatal(err)
		}
	}
	m := hub.Message{Topic: "a", Kind: engine.Text, Data: []byte("x")}
	taken, busy := uint64(0), uint64(0)
	for range ahead {
		switch r, err := g.hub.Publish(&m); {
		case err == nil && r.Receivers == readers:
			taken++
		case err == hub.ErrBusy && r == hub.Receipt{}:
			busy++
		default:
			t.Fatalf("got %+v, %v", r, err)
		}
	}
	open()
	want := taken * readers
	dropped := func() uint64 { return g.server.Metrics().Dropped }
	await(t, "all is there, or dropped", func() bool { return all.got.Load()+dropped() >= want && g.server.Owed() == 0 })
	if got := all.got.Load() + dropped(); got != want || g.hub.Counts().Busy != busy || busy == 0 {
		t.Errorf("%d came or are dropped, want %d; %d were busy, counted as %d", got, want, busy, g.hub.Counts().Busy)
	}
	t.Logf("%d were taken, %d refused, %d deliveries dropped", taken, busy, dropped())
}
