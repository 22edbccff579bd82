package monitor

import (
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/weirws/weir/cmd/weir/internal/operator"
)

// newTestModel is a model that lists topics and asks nobody.
func newTestModel() *model {
	m := &model{at: "http://127.0.0.1:8081", byTopic: true, width: 80, height: 24, order: orders[0]}
	m.list = func(bool) tea.Cmd { return nil }
	return m
}

// shown is what the model shows, without styles.
func shown(m *model) string {
	return regexp.MustCompile("\x1b\\[[0-9]*m").ReplaceAllString(m.View().Content, "")
}

// wants checks that the lines of the view match, in this order.
func wants(t *testing.T, m *model, patterns ...string) {
	t.Helper()
	text := shown(m)
	if re := regexp.MustCompile("(?s)" + strings.Join(patterns, ".*")); !re.MatchString(text) {
		t.Errorf("no %q in\n%s", patterns, text)
	}
	lines := strings.Split(text, "\n")
	if len(lines) > m.height {
		t.Errorf("it has %d lines, want %d at most", len(lines), m.height)
	}
	for _, line := range lines {
		if n := len([]rune(line)); n > m.width {
			t.Errorf("a line has %d columns, want %d at most: %s", n, m.width, line)
		}
	}
}

func press(m *model, key string) tea.Cmd {
	return m.press(key)
}

func TestTopics(t *testing.T) {
	m := newTestModel()
	wants(t, m, "asking http://127.0.0.1:8081")
	now := time.Now()
	list := func(after time.Duration, published uint64) {
		m.Update(listed{at: now.Add(after), topics: []operator.Topic{
			{Name: "few", Subscribers: 1, Published: published, Dropped: 9},
			{Name: "many\x1b[2J", Subscribers: 50, Published: 7},
		}})
	}
	list(0, 10)
	list(2*time.Second, 30)
	m.Update(counted{&operator.Stats{Connections: 51, Version: "v1"}})
	wants(t, m, "connections 51", "TOPIC +SUBSCRIBERS", `many\?\[2J +50`, "few +1 +30 +10.0/s +9", "q quit.*", `\[s subscribers\]`)
	press(m, "d")
	wants(t, m, "few", "many", `\[d dropped\]`)
	press(m, "n")
	wants(t, m, "few", "many")
	press(m, "s")
	wants(t, m, "many", "few")
	press(m, "p") // is of connections
	wants(t, m, `\[s subscribers\]`)
	if press(m, "q") == nil {
		t.Error("q does not quit")
	}
}

func TestConnections(t *testing.T) {
	m := newTestModel()
	press(m, "c")
	m.Update(listed{conns: []operator.Conn{
		{ID: 1, User: "ann", IP: "10.0.0.1", PendingBytes: 5, MessagesOut: 9},
		{ID: 2, User: strings.Repeat("x", 100), IP: "10.0.0.2", PendingBytes: 2048},
	}})
	m.Update(counted{&operator.Stats{}})
	wants(t, m, "ID +USER", "2 +x+… ", "2 KiB", "1 +ann", `\[p pending\]`)
	press(m, "o")
	wants(t, m, "1 +ann", "2 +x")
	press(m, "tab")
	wants(t, m, "TOPIC", `\[s subscribers\]`)
}

func TestLost(t *testing.T) {
	m := newTestModel()
	m.Update(counted{&operator.Stats{Connections: 3, Drain: operator.Drain{Active: true, Total: 10, Left: 4}}})
	m.Update(lost{errors.New("the server has gone")})
	wants(t, m, "the server has gone; trying again", "connections 3", "draining +4 of 10 left")
	m.Update(listed{err: errors.New("refused")})
	wants(t, m, "refused")
}

// TestWide: a wide screen shows long names whole, and memory is shared by many.
func TestWide(t *testing.T) {
	m := newTestModel()
	name := strings.Repeat("a long name ", 6)
	m.Update(listed{at: time.Now(), topics: []operator.Topic{{Name: name}}})
	m.Update(counted{&operator.Stats{Connections: 99, RSS: 99 << 20, PerConn: 1 << 20}})
	wants(t, m, `memory +99 MiB   in`, "a long name a long name a long …")
	m.Update(tea.WindowSizeMsg{Width: 150, Height: 24})
	m.Update(counted{&operator.Stats{Connections: 100, RSS: 100 << 20, PerConn: 1 << 20}})
	wants(t, m, `memory +100 MiB   1 MiB a connection   in`, name)
}

// TestSmall: any size of terminal does.
func TestSmall(t *testing.T) {
	m := newTestModel()
	m.Update(counted{&operator.Stats{Connections: 3}})
	for _, size := range [][2]int{{1, 1}, {10, 3}, {200, 60}, {0, 0}} {
		m.Update(tea.WindowSizeMsg{Width: size[0], Height: size[1]})
		m.View()
	}
}
