package monitor

import (
	"cmp"
	"slices"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/weirws/weir/cmd/weir/internal/operator"
)

// model is what is shown. It is bubbletea's, which calls one method at a time.
type model struct {
	at            string
	width, height int
	stats         *operator.Stats // nil: none yet
	lost          error           // why there are no newer ones
	byTopic       bool            // topics are listed, and not connections
	order         order
	topics        []topic
	conns         []operator.Conn
	before        map[string]operator.Topic // the topics of the list before
	listedAt      time.Time
	listError     error
	list          func(topics bool) tea.Cmd
}

// topic is a topic and how fast it is.
type topic struct {
	operator.Topic
	rate float64 // publications a second
}

// order is by what a list is sorted, and the key that says so.
type order struct {
	key, name string
	topics    func(a, b topic) int
	conns     func(a, b operator.Conn) int
}

// orders are all; the largest is first but for names and ids.
var orders = []order{
	{"s", "subscribers", func(a, b topic) int { return cmp.Compare(b.Subscribers, a.Subscribers) }, nil},
	{"r", "rate", func(a, b topic) int { return cmp.Compare(b.rate, a.rate) }, nil},
	{"d", "dropped", func(a, b topic) int { return cmp.Compare(b.Dropped, a.Dropped) }, nil},
	{"n", "name", func(a, b topic) int { return cmp.Compare(a.Name, b.Name) }, nil},
	{"p", "pending", nil, func(a, b operator.Conn) int { return cmp.Compare(b.PendingBytes, a.PendingBytes) }},
	{"o", "out", nil, func(a, b operator.Conn) int { return cmp.Compare(b.MessagesOut, a.MessagesOut) }},
	{"i", "in", nil, func(a, b operator.Conn) int { return cmp.Compare(b.MessagesIn, a.MessagesIn) }},
	{"a", "age", nil, func(a, b operator.Conn) int { return a.ConnectedAt.Compare(b.ConnectedAt) }},
	{"u", "user", nil, func(a, b operator.Conn) int { return cmp.Compare(a.User, b.User) }},
}

// Init is bubbletea's.
func (m *model) Init() tea.Cmd { return m.list(m.byTopic) }

// Update is bubbletea's.
func (m *model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case tea.KeyPressMsg:
		return m, m.press(msg.String())
	case counted:
		m.stats, m.lost = msg.Stats, nil
	case lost:
		m.lost = msg.error
	case listed:
		m.take(msg)
		return m, tea.Tick(listEvery, func(time.Time) tea.Msg { return tick{} })
	case tick:
		return m, m.list(m.byTopic)
	}
	return m, nil
}

// press does what a key says.
func (m *model) press(key string) tea.Cmd {
	switch key {
	case "q", "ctrl+c", "esc":
		return tea.Quit
	case "t", "c", "tab":
		byTopic := key == "t" || key == "tab" && !m.byTopic
		if byTopic == m.byTopic {
			return nil
		}
		m.byTopic = byTopic
		m.order = orders[slices.IndexFunc(orders, m.sorts)]
		return nil // the next list is of the other kind
	}
	for _, o := range orders {
		if o.key == key && m.sorts(o) {
			m.order = o
			m.sort()
		}
	}
	return nil
}

// sorts reports whether an order is for what is listed.
func (m *model) sorts(o order) bool { return (o.topics != nil) == m.byTopic }

// take keeps a new list.
func (m *model) take(l listed) {
	m.listError = l.err
	if l.err != nil {
		return
	}
	m.conns = l.conns
	m.topics = nil
	seconds := l.at.Sub(m.listedAt).Seconds()
	before := m.before
	m.before, m.listedAt = make(map[string]operator.Topic, len(l.topics)), l.at
	for _, t := range l.topics {
		row := topic{Topic: t}
		if was, ok := before[t.Name]; ok && seconds > 0 && t.Published >= was.Published {
			row.rate = float64(t.Published-was.Published) / seconds
		}
		m.before[t.Name] = t
		m.topics = append(m.topics, row)
	}
	m.sort()
}

func (m *model) sort() {
	if m.order.topics != nil {
		slices.SortStableFunc(m.topics, m.order.topics)
		return
	}
	slices.SortStableFunc(m.conns, m.order.conns)
}
