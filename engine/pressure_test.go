package engine

import (
	"math"
	"runtime"
	"runtime/debug"
	"testing"
	"testing/synctest"
	"time"
)

// Near GOMEMLIMIT upgrades are refused, those that are open are served, and when there is memory again all is as before.
func TestHostile62MemoryLimit(t *testing.T) {
	for i, r := range bothEnds() {
		o := &Options{Compression: CompressionShared}
		if i%2 == 1 {
			o.MemoryBudget = -1
		}
		s := r.serve(t, echo, o)
		old := s.open()
		z, zeros := s.zipped(offerDeflate), make([]byte, 10_000)
		echoed := func(b []byte) wireFrame {
			z.write(maskedFrame(0x82, b))
			f, err := z.next()
			if err != nil {
				t.Fatal(err)
			}
			return f
		}
		if f := echoed(zeros); f.rsv != 4 {
			t.Errorf("messages are not compressed: %v", f)
		}
		relieve := press()
		defer relieve()
		eventually(t, "upgrades are refused", func() bool { return s.core.budget.now() == levelSoft })
		p := s.dial()
		p.write([]byte(ask("/")))
		if r := p.refused(503); r.Header.Get("Retry-After") == "" {
			t.Error("without Retry-After")
		}
		old.sendText("alive")
		old.wantText("alive")
		if f := echoed(zeros); f.rsv != 0 {
			t.Errorf("messages are compressed: %v", f)
		}
		relieve()
		eventually(t, "they are accepted again", func() bool { return s.core.budget.now() == levelCalm })
		if f := echoed(zeros); f.rsv != 4 {
			t.Errorf("messages are not compressed any more: %v", f)
		}
		s.open().closing()
		old.closing()
	}
}

// press has the process be near its GOMEMLIMIT until the returned function is called.
func press() (relieve func()) {
	ballast := make([]byte, 64<<20)
	runtime.GC() // it is seen as live from now on
	was := debug.SetMemoryLimit(64 << 20)
	return func() {
		debug.SetMemoryLimit(was)
		runtime.KeepAlive(ballast)
	}
}

// Near GOMEMLIMIT large queues that wait for long are shed, far below the budget: their connections are closed with 1013.
// Small ones, and connections at rest, are not.
func TestHostile62LargeQueues(t *testing.T) {
	h, ended := ends(Handler{})
	gather(t, h, Options{MaxBacklogBytes: -1, MaxBacklogAge: -1}, func(cr *crowd) {
		for len(ended) > 0 {
			<-ended // those of the other mode
		}
		_, large := cr.deaf(20 * deafBytes)
		_, small := cr.open()
		small.Send(Binary, blob(30_000))
		quiet, _ := cr.open()
		relieve := press()
		defer relieve()
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if large.State() != Open {
			cr.t.Error("it is closed at once")
		}
		time.Sleep((strainTicks + 2*patrolTicks) * tick)
		synctest.Wait()
		if large.State() == Open || small.State() != Open {
			cr.t.Errorf("with a large queue it is %v, with a small one %v", large.State(), small.State())
		}
		if m := cr.s.Metrics(); m.Shed != 1 {
			cr.t.Errorf("%d are shed", m.Shed)
		}
		quiet.send(opPinged, []byte("alive"))
		quiet.want(opPonged, []byte("alive"))
		large.CloseNow()
		if e := within(cr.t, "Close", ended); e.Code != StatusTryAgainLater || e.Err != ErrMemory {
			cr.t.Errorf("got %+v", e)
		}
	})
}

// The budget is at most half of what the process has.
func TestMemoryBudgetOfLimit(t *testing.T) {
	was := debug.SetMemoryLimit(1 << 30)
	defer debug.SetMemoryLimit(was)
	for _, test := range []struct {
		limit, asked, want int64
	}{
		{1 << 30, 0, 1 << 29}, {8 << 30, 0, DefaultMemoryBudget}, {math.MaxInt64, 0, DefaultMemoryBudget}, {1 << 30, 3 << 30, 3 << 30}, {1 << 30, -1, 0},
	} {
		debug.SetMemoryLimit(test.limit)
		set, err := newSettings(&Options{MemoryBudget: test.asked})
		if err != nil || set.MemoryBudget != test.want {
			t.Errorf("limit %d, asked for %d: got %d, %v, want %d", test.limit, test.asked, set.MemoryBudget, err, test.want)
		}
	}
}
