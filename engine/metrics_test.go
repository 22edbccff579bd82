package engine

import (
	"fmt"
	"testing"
	"time"
)

// Metrics are exact when nothing is under way.
func TestMetrics(t *testing.T) {
	eachRig(t, func(t *testing.T, r rig) {
		s := r.serve(t, echo, nil)
		if m := s.Metrics(); m != (Metrics{}) {
			t.Errorf("at the start: %+v", m)
		}
		p, q := s.open(), s.open()
		const head = 129 // of the answer 101
		var want Metrics
		same := func(what string, change func(m *Metrics)) {
			t.Helper()
			change(&want)
			var got Metrics
			if !until(func() bool { got = s.Metrics(); got.Lag, got.FanOut = Span{}, Span{}; return got == want }) {
				t.Fatalf("%s:\ngot  %+v\nwant %+v", what, got, want)
			}
		}
		same("two upgrades", func(m *Metrics) {
			m.Conns, m.Sockets, m.Upgraded, m.FramesOut, m.BytesOut = 2, 2, 2, 2, 2*head
		})
		var top Topic
		for c := range s.Conns() {
			top.Subscribe(c)
		}
		for i := range 10 {
			b := blob(i * 2000) // to 20,000 bytes: small frames, and large ones for the direct way
			p.send(opBinary, b)
			p.want(opBinary, b)
			same(fmt.Sprintf("an echo of %d bytes", len(b)), func(m *Metrics) {
				m.MessagesIn, m.FramesOut = m.MessagesIn+1, m.FramesOut+1
				m.BytesIn += uint64(len(b))
				m.BytesOut += uint64(len(b) + 2)
				if len(b) > 125 {
					m.BytesOut += 2
				}
			})
		}
		p.write(append(maskedFrame(0x01, []byte("a")), maskedFrame(0x80, []byte("bc"))...))
		p.wantText("abc")
		same("a message of two frames", func(m *Metrics) { m.MessagesIn++; m.BytesIn += 3; m.FramesOut++; m.BytesOut += 5 })
		q.send(opPinged, []byte("four"))
		q.want(opPonged, []byte("four"))
		same("a ping", func(m *Metrics) { m.PingsIn++; m.FramesOut++; m.BytesOut += 6 })
		top.Publish(Text, []byte("hi"))
		p.wantText("hi")
		q.wantText("hi")
		loops := uint64(min(r.loops, 2))
		same("a publication", func(m *Metrics) { m.Published += loops; m.Deliveries += 2; m.FramesOut += 2; m.BytesOut += 8 })
		q.write([]byte{0xc1, 0x80, 0, 0, 0, 0})
		reason := q.wantClose(1002)
		q.gone()
		same("a violation", func(m *Metrics) {
			m.Violations++
			m.FramesOut++
			m.Conns, m.Sockets, m.Closed = 1, 1, 1
			m.BytesOut += uint64(2 + 2 + len(reason))
		})
		x := s.dial()
		x.write([]byte(ask("/", "Origin: http://evil.test")))
		x.refused(403)
		same("a refusal", func(m *Metrics) { m.Refused++; m.BytesOut = s.Metrics().BytesOut; m.FramesOut = s.Metrics().FramesOut })
		p.closing()
		same("a close", func(m *Metrics) { m.FramesOut++; m.BytesOut += 4; m.Conns, m.Sockets, m.Closed = 0, 0, 2 })
	})
}

// Each duration falls into the bucket that its bound ends.
func TestSpanBuckets(t *testing.T) {
	for i := range SpanBuckets {
		bound := SpanBound(i)
		if i > 0 && bound <= SpanBound(i-1) {
			t.Errorf("bound %d is %v, below the one before", i, bound)
		}
		if got := spanBucket(bound - 1); got != i {
			t.Errorf("%v is in bucket %d, want %d", bound-1, got, i)
		}
		if got, want := spanBucket(bound), min(i+1, SpanBuckets-1); got != want {
			t.Errorf("%v is in bucket %d, want %d", bound, got, want)
		}
	}
	if got := spanBucket(-1); got != 0 {
		t.Errorf("a negative duration is in bucket %d", got)
	}
	var s span
	s.add(2 * time.Millisecond)
	var sum Span
	sum.add(&s)
	sum.add(&s)
	if sum.Count != 2 || sum.Buckets[spanBucket(2*time.Millisecond)] != 2 {
		t.Errorf("got %+v", sum)
	}
}

// A loop that a callback holds up is behind, until it goes on.
func TestMetricsBehind(t *testing.T) {
	block := make(chan struct{})
	s := rig{inline: true, loops: 1, door: listened}.serve(t, Handler{Message: func(*Conn, Message) { <-block }}, nil)
	p := s.open()
	p.send(opText, []byte("x"))
	if !until(func() bool { return s.Metrics().Behind >= 2*tick }) {
		t.Error("the loop is not behind")
	}
	close(block)
	if !until(func() bool { return s.Metrics().Behind == 0 }) {
		t.Error("the loop stays behind")
	}
}
