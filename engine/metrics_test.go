package engine

import (
	"fmt"
	"testing"
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
