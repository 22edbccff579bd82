package pool

import (
	"fmt"
	"sync/atomic"
	"testing"
)

// BenchmarkBuffer is a Get and its Release on one goroutine, and on as many as there are cores.
func BenchmarkBuffer(b *testing.B) {
	for _, n := range []int{32, 4096, 1 << 20} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Get(n).Release()
			}
		})
	}
	b.Run("parallel", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				Get(32).Release()
			}
		})
	})
}

// BenchmarkBuffersFar gets on one goroutine and releases on another, 128 at a time, as messages go
// from a loop to a worker.
func BenchmarkBuffersFar(b *testing.B) {
	full, empty := make(chan []*Buffer, 1), make(chan []*Buffer, 2)
	empty <- make([]*Buffer, 0, 128)
	empty <- make([]*Buffer, 0, 128)
	go func() { // ends with full; empty is closed then
		defer close(empty)
		for batch := range full {
			for _, b := range batch {
				b.Release()
			}
			empty <- batch[:0]
		}
	}()
	b.ReportAllocs()
	batch := <-empty
	for b.Loop() {
		if batch = append(batch, Get(32)); len(batch) == cap(batch) {
			full <- batch
			batch = <-empty
		}
	}
	full <- batch
	close(full)
	for range empty {
	}
}

// benchOwner is an owner without work.
type benchOwner struct {
	line Line[*benchOwner, *Buffer]
}

// BenchmarkPushBusy is a push that makes an owner runnable while all goroutines are busy.
func BenchmarkPushBusy(b *testing.B) {
	w := NewWorkers(1, 1)
	defer w.Close()
	ss := NewStrands(w, StrandsOptions[*benchOwner, *Buffer]{Run: func(*benchOwner, **Buffer, int) {}})
	owners := make([]benchOwner, 1<<12)
	busy, gate := make(chan struct{}), make(chan struct{})
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if i&(1<<12-1) == 0 {
			b.StopTimer()
			if i > 0 {
				gate <- struct{}{}
			}
			w.Go(func() { busy <- struct{}{}; <-gate })
			<-busy
			b.StartTimer()
		}
		o := &owners[i&(1<<12-1)]
		ss.Push(o, &o.line, nil)
	}
	gate <- struct{}{}
}

// BenchmarkHop is an item from Push to the end of its run, of so many owners at once.
func BenchmarkHop(b *testing.B) {
	for _, owners := range []int{1, 100, 1000} {
		b.Run(fmt.Sprint(owners), func(b *testing.B) {
			w := NewWorkers(4, 0)
			defer w.Close()
			var ran atomic.Int64
			round := make(chan struct{})
			ss := NewStrands(w, StrandsOptions[*benchOwner, *Buffer]{
				Run:    func(_ *benchOwner, b **Buffer, _ int) { (*b).Release() },
				Before: func(*benchOwner) {},
				After: func(*benchOwner) {
					if ran.Add(1)%int64(owners) == 0 {
						round <- struct{}{}
					}
				},
			})
			all := make([]benchOwner, owners)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				o := &all[i%owners]
				ss.Push(o, &o.line, Get(32))
				if i%owners == owners-1 {
					<-round
				}
			}
		})
	}
}
