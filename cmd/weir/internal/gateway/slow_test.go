//go:build unix

package gateway

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/weirws/weir/cmd/weir/internal/config"
	"github.com/weirws/weir/cmd/weir/internal/metrics"
	"github.com/weirws/weir/cmd/weir/internal/stats"
	"github.com/weirws/weir/cmd/weir/internal/weirtest"
	"github.com/weirws/weir/engine"
)

// slowBytes is the size of a message to a slow reader, and slowRoom how much of
// such may wait for it: enter while less than that waits, and so slowFrames do.
const (
	slowBytes  = 1 << 10
	slowRoom   = 64 << 10
	slowFrames = (slowRoom + slowBytes + 4 - 1) / (slowBytes + 4) // 4: a frame's header
)

// slowReader is a client with a real socket that reads nothing until it is told.
type slowReader struct {
	t    *testing.T
	g    *Gateway
	conn net.Conn
	sent int // messages that were published to it
}

// stalled is a gateway with one class of topics, and a slow reader of one.
func stalled(t *testing.T, class config.Class) *slowReader {
	t.Helper()
	class.Match, class.MaxPendingBytes = "*", slowRoom
	c := testConfig()
	c.Topics = []config.Class{class}
	g, host := startWith(t, Options{Config: c})
	conn := weirtest.Stalled(t, host, "a")
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	await(t, "it subscribes", func() bool { return g.hub.Find("a") != nil && g.hub.Find("a").Subscribers() == 1 })
	return &slowReader{t: t, g: g, conn: conn}
}

// publish publishes the next message, which begins with its number, by HTTP with
// further headers, and waits until it was given out.
func (s *slowReader) publish(header ...string) {
	s.t.Helper()
	data := fmt.Sprintf("%08d ", s.sent)
	s.sent++
	r := httptest.NewRequest(http.MethodPost, "/publish/a", strings.NewReader(data+strings.Repeat("x", slowBytes-len(data))))
	r.Header.Set("Authorization", "Bearer "+testKey)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	if s.g.publish.ServeHTTP(w, r); w.Code != http.StatusOK {
		s.t.Fatalf("got %d, %s", w.Code, w.Body)
	}
	for s.g.server.Owed() != 0 { // it ends, or the test does
		runtime.Gosched()
	}
}

// fill publishes until a policy takes effect, and returns how often it has.
func (s *slowReader) fill(policy string, header ...string) uint64 {
	s.t.Helper()
	for engineCounts := (stats.Raw{}); engineCounts.Slow()[policy] == 0; engineCounts.Engine = s.g.server.Metrics() {
		if s.publish(header...); s.sent > 1<<16 {
			s.t.Fatalf("%d messages, and nothing is %s", s.sent, policy)
		}
	}
	return s.slow(policy)
}

// slow is how often a policy took effect, as operators see it.
func (s *slowReader) slow(policy string) uint64 {
	return s.metric(`weir_slow_total{policy="` + policy + `"}`)
}

// metric is the value of one line of /metrics.
func (s *slowReader) metric(name string) uint64 {
	s.t.Helper()
	w := httptest.NewRecorder()
	metrics.Handler(s.g.source()).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	m := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + ` (\S+)$`).FindStringSubmatch(w.Body.String())
	if m == nil {
		s.t.Fatalf("there is no %s", name)
	}
	n, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		s.t.Fatal(err)
	}
	return uint64(n)
}

// all is the number of messages that were dropped, by any policy.
func (s *slowReader) all() (n uint64) {
	raw := s.g.take()
	for policy := range raw.Slow() {
		if policy != "disconnect" {
			n += s.slow(policy)
		}
	}
	return n
}

// read reads on, to the message with that number or the end, and returns the
// numbers of those that came, and what was in the closing frame.
func (s *slowReader) read(last int) (numbers []int, closing string) {
	s.t.Helper()
	in := bufio.NewReaderSize(s.conn, 64<<10)
	if _, err := http.ReadResponse(in, nil); err != nil {
		s.t.Fatal(err)
	}
	for len(numbers) == 0 || numbers[len(numbers)-1] != last {
		var head [4]byte
		if _, err := io.ReadFull(in, head[:2]); err != nil {
			s.t.Fatalf("after %d messages: %v", len(numbers), err)
		}
		n := int(head[1])
		if n == 126 {
			if _, err := io.ReadFull(in, head[2:]); err != nil {
				s.t.Fatal(err)
			}
			n = int(head[2])<<8 | int(head[3])
		}
		payload := make([]byte, n)
		if _, err := io.ReadFull(in, payload); err != nil {
			s.t.Fatal(err)
		}
		if head[0] == 0x88 {
			return numbers, string(payload)
		}
		number, err := strconv.Atoi(string(payload[:8]))
		if err != nil || n != slowBytes || head[0] != 0x81 {
			s.t.Fatalf("got a frame %x of %d bytes: %.20q", head, n, payload)
		}
		numbers = append(numbers, number)
	}
	return numbers, ""
}

// span is the numbers from first to before end.
func span(first, end int) (all []int) {
	for i := first; i < end; i++ {
		all = append(all, i)
	}
	return all
}

// wants compares what came with what should, and with what was counted.
func (s *slowReader) wants(got, want []int) {
	s.t.Helper()
	if !slices.Equal(got, want) {
		s.t.Errorf("%d messages came, want %d: got %v, want %v", len(got), len(want), runs(got), runs(want))
	}
	if n := s.all() + uint64(len(got)); n != uint64(s.sent) {
		s.t.Errorf("%d messages came or are counted as dropped, %d were published", n, s.sent)
	}
	if n := s.g.hub.Find("a").Dropped(); n != s.all() {
		s.t.Errorf("%d are dropped of the topic, %d of all", n, s.all())
	}
}

// runs writes numbers as runs.
func runs(numbers []int) (text []string) {
	for i := 0; i < len(numbers); {
		first := numbers[i]
		for i++; i < len(numbers) && numbers[i] == numbers[i-1]+1; i++ {
		}
		text = append(text, fmt.Sprintf("%d-%d", first, numbers[i-1]))
	}
	return text
}

// TestDropNew: what does not fit is not delivered, and what waits is.
func TestDropNew(t *testing.T) {
	s := stalled(t, config.Class{OnSlow: config.DropNew})
	kept := -int(s.fill("drop_new")) + s.sent
	for range 500 {
		s.publish()
	}
	if n := s.slow("drop_new"); n != uint64(s.sent-kept) {
		t.Errorf("%d are counted, want %d", n, s.sent-kept)
	}
	got, _ := s.read(kept - 1)
	s.wants(got, span(0, kept))
	s.resumes()
}

// TestDropOld: the newest that fit are delivered, behind what the kernel has.
func TestDropOld(t *testing.T) {
	s := stalled(t, config.Class{OnSlow: config.DropOld})
	s.fill("drop_old")
	for range 500 {
		s.publish()
	}
	got, _ := s.read(s.sent - 1)
	begun := slices.IndexFunc(got, func(n int) bool { return n >= s.sent-2*slowFrames })
	waited := len(got) - begun
	// The one before those that waited may be begun, and so counts.
	if waited != slowFrames && waited != slowFrames-1 {
		t.Errorf("%d have waited, want %d or one less", waited, slowFrames)
	}
	s.wants(got, append(span(0, begun), span(s.sent-waited, s.sent)...))
	if n := s.slow("drop_old"); n != s.all() {
		t.Errorf("%d are counted as drop_old, of %d", n, s.all())
	}
	s.resumes()
}

// TestConflate: of each key the newest is delivered, in the place of the first.
func TestConflate(t *testing.T) {
	s := stalled(t, config.Class{OnSlow: config.Conflate})
	s.fill("conflate", "X-Conflate-Key", "fill")
	newest := s.sent - 1
	first, before := s.sent, s.slow("conflate")
	const keys, rounds = 5, 100
	for range rounds {
		for key := range keys {
			s.publish("X-Conflate-Key", fmt.Sprint("key", key), "X-Event", "e")
		}
	}
	s.publish("X-Conflate-Key", "key2")
	if n := s.slow("conflate") - before; n != keys*(rounds-1)+1 {
		t.Errorf("%d are counted as conflated, want %d", n, keys*(rounds-1)+1)
	}
	got, _ := s.read(s.sent - 2) // the last of key4
	if len(got) < keys+1 {
		t.Fatalf("got %v", runs(got))
	}
	last := first + keys*(rounds-1)
	ends := []int{newest, last, last + 1, s.sent - 1, last + 3, last + 4}
	s.wants(got, append(span(0, len(got)-len(ends)), ends...))
	s.resumes()
}

// TestConflateWithoutKey: then the class says what messages have in common.
func TestConflateWithoutKey(t *testing.T) {
	for by, waiting := range map[string]int{"topic": 1, "event": 3} {
		t.Run(by, func(t *testing.T) {
			s := stalled(t, config.Class{OnSlow: config.Conflate, ConflateKey: by})
			s.fill("conflate", "X-Event", "0")
			for i := range 30 {
				s.publish("X-Event", fmt.Sprint(i%3))
			}
			got, _ := s.read(s.sent - 1)
			s.wants(got, append(span(0, len(got)-waiting), span(s.sent-waiting, s.sent)...))
			s.resumes()
		})
	}
}

// TestDisconnect: who does not keep up gets what waits, and is closed with 1013.
func TestDisconnect(t *testing.T) {
	s := stalled(t, config.Class{OnSlow: config.Disconnect})
	s.fill("disconnect")
	kept := s.sent - 1
	for range 20 {
		s.publish()
	}
	got, closing := s.read(-1)
	if !slices.Equal(got, span(0, kept)) {
		t.Errorf("%d messages came, want %d: %v", len(got), kept, runs(got))
	}
	if code := engine.StatusCode(closing[0])<<8 | engine.StatusCode(closing[1]); code != engine.StatusTryAgainLater || closing[2:] != "too slow" {
		t.Errorf("closed with %d, %q, want 1013", code, closing[2:])
	}
	if _, err := s.conn.Write([]byte{0x88, 0x82, 0, 0, 0, 0, closing[0], closing[1]}); err != nil && !errors.Is(err, syscall.EPIPE) {
		t.Error(err)
	}
	await(t, "it has left", func() bool { return s.g.plain.Open() == 0 })
	for name, want := range map[string]uint64{
		`weir_slow_total{policy="disconnect"}`:                                   1,
		`weir_connections_closed_total{code="1013",proto="plain",reason="slow"}`: 1,
		`weir_connections{proto="plain"}`:                                        0,
	} {
		if n := s.metric(name); n != want {
			t.Errorf("%s is %d, want %d", name, n, want)
		}
	}
}

// resumes holds that a reader that reads again gets what is published.
func (s *slowReader) resumes() {
	s.t.Helper()
	s.publish()
	in := make([]byte, slowBytes+4)
	if _, err := io.ReadFull(s.conn, in); err != nil {
		s.t.Fatal(err)
	}
	if got := string(in[4:12]); got != fmt.Sprintf("%08d", s.sent-1) {
		s.t.Errorf("got the message %s, want the last", got)
	}
}
