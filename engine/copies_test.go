package engine

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/weirws/weir/pool"
)

// TestCopiesShare has small messages of one read lie in few buffers, each message out of the others' reach, and large ones alone.
func TestCopiesShare(t *testing.T) {
	var l loop
	before := pool.Outstanding()
	type kept struct {
		buf  *pool.Buffer
		data []byte
		want string
	}
	var all []kept
	keep := func(size, ahead int) {
		want := bytes.Repeat([]byte{byte(len(all))}, size)
		l.ahead = ahead
		buf, data := l.copyOf(want)
		all = append(all, kept{buf, data, string(want)})
	}
	buffers := func() int64 { return pool.Outstanding() - before }

	const size, frame = 32, 38
	for i := range 16 {
		keep(size, (15-i)*frame)
	}
	if got := buffers(); got != 1 {
		t.Errorf("16 messages of one read lie in %d buffers, want 1", got)
	}
	keep(sharedMax+1, frame)
	if got := buffers(); got != 2 {
		t.Errorf("%d buffers with a message that is too large to share, want 2", got)
	}
	for range 2 * sharedBytes / size {
		keep(size, sharedBytes)
	}
	if got := buffers(); got != 4 {
		t.Errorf("%d buffers after more than fits into one, want 4", got)
	}
	l.leaveShared()
	keep(size, 0)
	if got := buffers(); got != 5 || l.shared != nil {
		t.Errorf("%d buffers after a message with nothing behind it, want 5, and none that the loop holds", got)
	}

	for _, k := range all {
		_ = append(k.data, "what a callback may append to the bytes that it was lent"...)
	}
	for i, k := range all {
		if string(k.data) != k.want {
			t.Errorf("message %d is %q, want %q", i, k.data, k.want)
		}
		k.buf.Release()
	}
	if got := buffers(); got != 0 {
		t.Errorf("%d buffers are not home", got)
	}
}

// Messages of every size, in one read and in several, reach workers as they were sent, also when a callback appends to what it was lent.
func TestWorkersGetWhatWasSent(t *testing.T) {
	const n = 600
	got := make(chan string, n)
	h := Handler{Message: func(_ *Conn, m Message) {
		got <- string(m.Data)
		_ = append(m.Data, "overrun"...)
	}}
	s := rig{loops: 1, door: listened}.serve(t, h, nil)
	p := s.open()
	var all []byte
	want := func(i int) []byte { return bytes.Repeat(fmt.Append(nil, i, " "), i%100) }
	for i := range n {
		all = appendMasked(all, 0x82, [4]byte{1, 2, 3, 4}, want(i))
	}
	go p.write(all)
	for i := range n {
		if m := within(t, "all messages", got); m != string(want(i)) {
			t.Fatalf("message %d is %q, want %q", i, m, want(i))
		}
	}
}
