package engine

import (
	"strings"
	"testing"
)

// TryPublish is for all or nobody: where one loop is crowded, nobody on the others gets the message, and nothing is
// counted; the last place is given to one.
func TestTryPublish(t *testing.T) {
	var both, zero Topic
	h, opened := conns()
	s := rig{loops: 2, door: listened, inline: true}.serve(t, h, &Options{MaxBacklogBytes: -1})
	peers := map[*loop]*peer{}
	for len(peers) < 2 {
		p := s.open()
		c := within(t, "Open", opened)
		if l := c.loop(); peers[l] == nil {
			peers[l] = p
			both.Subscribe(c)
			if l == s.core.loops[0] {
				zero.Subscribe(c)
			}
		}
	}
	open := s.hold()
	large := strings.Repeat("x", 1<<20)
	for range maxPostBytes>>20 - 1 {
		zero.Publish(Text, []byte(large))
	}
	if n, ok := both.TryPublish(Text, []byte(large), PublishOptions{}); n != 2 || !ok {
		t.Errorf("got %d, %v, want both", n, ok)
	}
	for range 3 {
		if n, ok := both.TryPublish(Text, []byte("nobody"), PublishOptions{}); n != 0 || ok {
			t.Errorf("got %d, %v, want nobody", n, ok)
		}
	}
	if d := s.Metrics().Drops.Total(); d != 0 || both.Dropped() != 0 {
		t.Errorf("%d are dropped, %d of the topic", d, both.Dropped())
	}
	if n := both.Publish(Text, []byte("one of two")); n != 1 || both.Dropped() != 1 {
		t.Errorf("published to %d, %d are dropped, want 1 of each", n, both.Dropped())
	}
	open()
	for l, p := range peers {
		if l == s.core.loops[0] {
			for range maxPostBytes>>20 - 1 {
				p.wantText(large)
			}
		}
		p.wantText(large) // in the last place
		if l != s.core.loops[0] {
			p.wantText("one of two")
		}
	}
	if n, ok := both.TryPublish(Text, []byte("again"), PublishOptions{}); n != 2 || !ok {
		t.Errorf("got %d, %v, want both", n, ok)
	}
	if n, ok := both.TryPublish(0, nil, PublishOptions{}); n != 0 || !ok {
		t.Errorf("of no kind: got %d, %v", n, ok)
	}
	for l, p := range peers {
		p.wantText("again")
		eventually(t, "no place is kept", func() bool {
			l.mu.Lock()
			defer l.mu.Unlock()
			return l.waiting == 0 && l.waitingBytes == 0
		})
		p.closing()
	}
}
