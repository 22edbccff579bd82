package sendq

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/weirws/weir/pool"
)

// waiting is a frame as the model knows it.
type waiting struct {
	id    uint32
	b     []byte // what is left of it
	class Class
	age   uint32
	at    uint32
	key   string // "" for none
	begun bool
	done  bool // it has a sender who wants to know
}

// model is a Queue written to be read: slices, and a walk for everything.
type model struct {
	data, control []waiting
	held          bool
	now           uint32
}

func (m *model) bytes() (n int) {
	for _, f := range slices.Concat(m.data, m.control) {
		n += len(f.b)
	}
	return n
}

// order is what is written next, in order.
func (m *model) order() (all []*waiting) {
	data := m.data
	if len(data) > 0 && data[0].begun {
		all, data = append(all, &m.data[0]), data[1:]
	}
	for i := range m.control {
		all = append(all, &m.control[i])
	}
	for i := range data {
		all = append(all, &data[i])
	}
	return all
}

func (m *model) wire() (b []byte) {
	for _, f := range m.order() {
		b = append(b, f.b...)
	}
	return b
}

// wrote takes n bytes off the front, and returns how many frames that ends.
func (m *model) wrote(n int) (ended int) {
	for n > 0 {
		f := m.order()[0]
		if n < len(f.b) {
			f.b, f.begun = f.b[n:], true
			return ended
		}
		n -= len(f.b)
		f.b, ended = nil, ended+1
		gone := func(f waiting) bool { return len(f.b) == 0 }
		m.data, m.control = slices.DeleteFunc(m.data, gone), slices.DeleteFunc(m.control, gone)
	}
	return ended
}

// seen is what a Queue showed of what it dropped.
type seen struct {
	why Reason
	id  uint32
}

type seer []seen

func (s *seer) Dropped(why Reason, frame []byte) {
	*s = append(*s, seen{why, binary.BigEndian.Uint32(frame)})
}

// walk is a Queue and its model, and what both are fed with.
type walk struct {
	t      *testing.T
	rnd    *rand.Rand
	q      *Queue
	m      model
	ledger atomic.Int64
	next   uint32
	saw    seer
	want   []seen
	runs   int // frames that Append took
}

// frame makes a frame of a random length that begins with its number.
func (w *walk) frame() []byte {
	w.next++
	n := 4 + w.rnd.IntN(40)
	switch w.rnd.IntN(30) {
	case 0:
		n = 4 + w.rnd.IntN(smallBytes)
	case 1:
		n = smallBytes + w.rnd.IntN(smallBytes)
	}
	b := binary.BigEndian.AppendUint32(nil, w.next)
	for len(b) < n {
		b = append(b, byte(w.next))
	}
	return b
}

func (w *walk) push() {
	b := w.frame()
	f := waiting{id: w.next, b: b, class: Class(w.rnd.IntN(int(Pong) + 1)), at: w.m.now}
	t := Terms{Class: f.class}
	if w.rnd.IntN(2) == 0 && f.class < Fragment {
		f.age = uint32(1 + w.rnd.IntN(20))
		t.Age = f.age
	}
	if w.rnd.IntN(8) == 0 {
		f.done = true
		t.Done = func(error) {}
	}
	switch {
	case f.class == Latest:
		f.key = fmt.Sprint(w.rnd.IntN(12))
		w.pushKeyed(f, t)
		return
	case w.rnd.IntN(2) == 0:
		buf := pool.Get(len(b))
		buf.B = append(buf.B, b...)
		w.q.Share(buf, buf.B, t)
	default:
		w.q.Commit(append(w.q.Reserve(len(b)), b...), t)
	}
	if f.class < Control {
		w.m.data = append(w.m.data, f)
		return
	}
	if f.class == Pong {
		for i := range w.m.control {
			if w.m.control[i].class == Pong && !w.m.control[i].begun {
				w.m.control[i] = f
				return
			}
		}
	}
	w.m.control = append(w.m.control, f)
}

// append adds frames as replies come: several, mostly of the same terms.
func (w *walk) append() {
	for range 1 + w.rnd.IntN(6) {
		b := w.frame()
		f := waiting{id: w.next, b: b, class: Oldest, age: 7, at: w.m.now}
		if w.rnd.IntN(8) == 0 {
			f.class, f.age = Lapsing, 9
		}
		if room := w.q.Append(len(b), f.class, f.age); room != nil {
			w.runs++
			copy(room, b)
		} else {
			w.q.Commit(append(w.q.Reserve(len(b)), b...), Terms{Class: f.class, Age: f.age})
		}
		w.m.data = append(w.m.data, f)
	}
	switch w.rnd.IntN(8) {
	case 0:
		w.hold()
	case 1:
		w.q.Trim()
	}
}

// clear gives up all that waits.
func (w *walk) clear() {
	w.q.Clear(nil)
	w.m.data, w.m.control = nil, nil
}

// rest gives the Queue, which may be empty, to another connection.
func (w *walk) rest() {
	if w.q.Len() == 0 {
		w.q.Finished()
		w.q.Rest(&w.ledger)
		w.m.held = false
	}
}

func (w *walk) pushKeyed(f waiting, t Terms) {
	k := Key{Of: w, Name: f.key}
	at := slices.IndexFunc(w.m.data, func(o waiting) bool { return o.key == f.key && !o.begun })
	if got := w.q.Waits(k) > 0; got != (at >= 0) {
		w.t.Fatalf("Waits is %t", got)
	}
	buf := pool.Get(len(f.b))
	buf.B = append(buf.B, f.b...)
	w.q.ShareKeyed(k, buf, buf.B, t, &w.saw)
	if at < 0 {
		w.m.data = append(w.m.data, f)
		return
	}
	w.want = append(w.want, seen{Conflated, w.m.data[at].id})
	w.m.data[at] = f
}

func (w *walk) write() {
	limit := 1 + w.rnd.IntN(20_000)
	wire := w.m.wire()
	got := bytes.Clone(w.q.Lead(limit))
	if !bytes.HasPrefix(wire, got) || len(got) == 0 && len(wire) > 0 {
		w.t.Fatalf("Lead gives %d bytes, not the first ones", len(got))
	}
	if w.rnd.IntN(2) == 0 {
		got = got[:0]
		for _, b := range w.q.Next(make([][]byte, 0, 1+w.rnd.IntN(64)), limit) {
			got = append(got, b...)
		}
		if len(got) > limit || !bytes.HasPrefix(wire, got) || len(got) == 0 && len(wire) > 0 {
			w.t.Fatalf("Next gives %d bytes of %d, not the first ones", len(got), len(wire))
		}
	}
	n := w.rnd.IntN(len(got) + 1)
	if w.rnd.IntN(2) == 0 {
		n = len(got)
	}
	if got, want := w.q.Wrote(n), w.m.wrote(n); got != want {
		w.t.Fatalf("Wrote(%d) ends %d frames, want %d", n, got, want)
	}
}

func (w *walk) evict() {
	at := slices.IndexFunc(w.m.data, func(o waiting) bool { return o.class == Oldest && !o.begun })
	size := w.q.Evict(nil, &w.saw)
	if at < 0 {
		if size != 0 {
			w.t.Fatal("Evict finds what is not there")
		}
		return
	}
	if size != len(w.m.data[at].b) {
		w.t.Fatalf("Evict of %d bytes, want %d", size, len(w.m.data[at].b))
	}
	w.want = append(w.want, seen{Evicted, w.m.data[at].id})
	w.m.data = slices.Delete(w.m.data, at, at+1)
}

func (w *walk) hold() {
	w.q.Hold(w.m.now)
	if w.m.held {
		return
	}
	w.m.held = true
	for i := range w.m.data {
		w.m.data[i].at = w.m.now
	}
}

func (w *walk) expire() {
	if !w.m.held {
		return
	}
	w.m.now += uint32(w.rnd.IntN(4))
	overdue := w.q.Expire(w.m.now, nil, &w.saw)
	for i := 0; i < len(w.m.data); {
		f := &w.m.data[i]
		if f.begun || f.age == 0 || int32(w.m.now-f.at-f.age) <= 0 {
			i++
			continue
		}
		if f.class == Data {
			if !overdue {
				w.t.Fatal("an overdue frame is not seen")
			}
			f.age = 0 // once is enough; in the Queue it stays
			w.forgive(f.id)
			w.expire()
			return
		}
		w.want = append(w.want, seen{Expired, f.id})
		w.m.data = slices.Delete(w.m.data, i, i+1)
	}
	if overdue {
		w.t.Fatal("overdue without reason")
	}
}

// forgive lets a frame wait for any time.
func (w *walk) forgive(id uint32) {
	for i := w.q.data.head; i < len(w.q.data.fs); i++ {
		if f := &w.q.data.fs[i]; !f.gone && len(f.b) >= 4 && !f.begun && binary.BigEndian.Uint32(f.b) == id {
			f.age = 0
		}
	}
}

func (w *walk) abandon() {
	w.q.Abandon(nil, &w.saw)
	w.m.data = slices.DeleteFunc(w.m.data, func(f waiting) bool {
		if !f.begun && f.class.whole() {
			w.want = append(w.want, seen{Cleared, f.id})
		}
		return !f.begun
	})
}

// check compares all that can be seen of both.
func (w *walk) check() {
	w.t.Helper()
	if got, want := w.q.Bytes(), w.m.bytes(); got != want {
		w.t.Fatalf("Bytes is %d, want %d", got, want)
	}
	if got, want := w.q.Len(), len(w.m.data)+len(w.m.control); got != want {
		w.t.Fatalf("Len is %d, want %d", got, want)
	}
	if got, want := w.q.Controls(), len(w.m.control); got != want {
		w.t.Fatalf("Controls is %d, want %d", got, want)
	}
	if !slices.Equal(w.saw, w.want) {
		w.t.Fatalf("it dropped %v, want %v", tail(w.saw), tail(w.want))
	}
	if l := w.ledger.Load(); w.m.held && l != int64(w.q.Memory()) || l < 0 {
		w.t.Fatalf("the ledger has %d, of %d; held: %t", l, w.q.Memory(), w.m.held)
	}
	if waits := len(w.m.data); len(w.q.data.fs) > 4*waits+4*minGaps+64 && cap(w.q.data.fs) > len(w.q.data.fs)/2 && w.q.data.gaps > minGaps && w.q.data.gaps > 2*waits {
		w.t.Fatalf("%d places for %d frames, %d gaps", len(w.q.data.fs), waits, w.q.data.gaps)
	}
	if len(w.q.keys) > 2*len(w.m.data)+2*keepKeys {
		w.t.Fatalf("%d keys for %d frames", len(w.q.keys), len(w.m.data))
	}
}

func tail(s []seen) []seen { return s[max(len(s)-5, 0):] }

// A Queue does what its model does, whatever is done to both.
func TestModel(t *testing.T) {
	runs := 0
	for seed := range uint64(12) {
		before := pool.Outstanding()
		w := &walk{t: t, rnd: rand.New(rand.NewPCG(seed, 4))}
		w.q = New(&w.ledger)
		reads := w.rnd.IntN(6) // how quick the reader is
		for range 3000 {
			switch n := w.rnd.IntN(20); {
			case n < 5 || n < 10 && w.q.Len() > 0:
				w.push()
			case n < 10:
				w.append()
			case n < 10+reads:
				w.write()
			case n < 17:
				w.evict()
			case n == 17:
				w.hold()
			case n == 18:
				w.expire()
			case n == 19 && w.rnd.IntN(50) == 0:
				w.abandon()
			case n == 19 && w.rnd.IntN(20) == 0:
				w.clear()
			}
			w.check()
			w.q.Finished()
			w.rest()
		}
		runs += w.runs
		for w.q.Bytes() > 0 {
			w.write()
			w.check()
		}
		w.q.Finished()
		w.q.Free()
		if l := w.ledger.Load(); l != 0 {
			t.Fatalf("seed %d: the ledger has %d at the end", seed, l)
		}
		if out := pool.Outstanding() - before; out != 0 {
			t.Fatalf("seed %d: %d buffers are not home", seed, out)
		}
	}
	if runs < 1000 {
		t.Errorf("Append took %d frames, want more", runs)
	}
}
