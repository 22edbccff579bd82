package bench

import (
	"bytes"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// witnesses are connections beside those that are maltreated: each echoes all the
// time, and must never notice.
type witnesses struct {
	all      []*witness
	quit     chan struct{}
	patience time.Duration // for one echo
	wg       sync.WaitGroup
	echoes   atomic.Int64
	slowest  atomic.Int64
}

type witness struct {
	p      *villain
	rounds atomic.Int64
	broken atomic.Pointer[string]
}

// witnessPause is the time from one echo of a witness to its next message.
const witnessPause = 20 * time.Millisecond

// start opens the witnesses, anew if some have ended.
func (w *witnesses) start(h *hostile) error {
	w.all, w.quit = nil, make(chan struct{})
	for i := range h.o.Witnesses {
		p, err := h.open()
		if err != nil {
			w.end()
			return fmt.Errorf("bench: witness %d: %w", i, err)
		}
		one := &witness{p: p}
		w.all = append(w.all, one)
		w.wg.Go(func() { w.run(one, i) }) // ends when quit is closed, or broken; end waits
	}
	return nil
}

// run echoes until the end.
func (w *witnesses) run(one *witness, id int) {
	for n := 0; ; n++ {
		want := fmt.Appendf(nil, "witness %d, message %d", id, n)
		start := time.Now()
		if err := one.echo(want, w.patience); err != nil {
			why := err.Error()
			one.broken.Store(&why)
			return
		}
		took := int64(time.Since(start))
		for old := w.slowest.Load(); took > old && !w.slowest.CompareAndSwap(old, took); old = w.slowest.Load() {
		}
		w.echoes.Add(1)
		one.rounds.Add(1)
		select {
		case <-w.quit:
			return
		case <-time.After(witnessPause):
		}
	}
}

// echo sends one message and wants it back.
func (one *witness) echo(want []byte, patience time.Duration) error {
	one.p.wait(patience)
	if err := one.p.write(maskedText(want)); err != nil {
		return err
	}
	for {
		f, err := one.p.frame()
		switch {
		case err != nil:
			return err
		case f.op == opPing:
			if err := one.p.write(appendMasked(nil, opPong, f.payload, someMask)); err != nil {
				return err
			}
		case f.op != opText || !f.fin || !bytes.Equal(f.payload, want):
			return fmt.Errorf("got %s instead of its echo", f)
		default:
			return nil
		}
	}
}

// alive wants an echo of every witness that was sent from now on, and says what is
// wrong otherwise.
func (w *witnesses) alive() string {
	since := make([]int64, len(w.all))
	for i, one := range w.all {
		since[i] = one.rounds.Load()
	}
	end := time.Now().Add(w.patience)
	for i, one := range w.all {
		for one.rounds.Load() < since[i]+2 { // the first may have begun before
			if why := one.broken.Load(); why != nil {
				return fmt.Sprintf("witness %d: %s", i, *why)
			}
			if time.Now().After(end) {
				return fmt.Sprintf("witness %d has no echo within %v", i, w.patience)
			}
			time.Sleep(time.Millisecond) // polls a condition
		}
	}
	return ""
}

// told is how many echoes there were, and how long the slowest took.
func (w *witnesses) told() (int64, time.Duration) {
	return w.echoes.Load(), time.Duration(w.slowest.Load())
}

// end ends the witnesses, if there are any, and waits for them.
func (w *witnesses) end() {
	if w.all == nil {
		return
	}
	close(w.quit)
	for _, one := range w.all {
		one.p.close()
	}
	w.wg.Wait()
	w.all = nil
}
