package pollertest

import (
	"errors"
	"io"
	"os"
	"testing"
	"time"
)

// testPauseResume: nothing is lost over many pauses, each from within Data. The probe fails the
// test if Data is called while paused.
func testPauseResume(t *testing.T, b Backend) {
	p := newProbe(t)
	got := 0
	p.data = func(b []byte) {
		got += len(b)
		p.Pause()
		p.Loop().Do(func() {
			if !p.Closed() {
				p.Resume()
			}
		})
	}
	_, far := one(t, b, p)
	sent := pattern(1<<20, 6)
	done := write(far, sent)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	far.Close()
	if err := <-p.ended; err != io.EOF {
		t.Errorf("End: got %v, want EOF", err)
	}
	<-p.closed
	if got != len(sent) {
		t.Errorf("got %d bytes, want %d", got, len(sent))
	}
}

// testPauseHoldsBack: a paused connection takes no more than what fits on the way.
func testPauseHoldsBack(t *testing.T, b Backend) {
	p := newProbe(t)
	p.open = p.Pause
	_, far := one(t, b, p)
	settle(t, p.Loop())
	far.SetWriteDeadline(time.Now().Add(300 * time.Millisecond))
	if n, err := far.Write(make([]byte, 64<<20)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("wrote %d bytes to a paused connection (%v)", n, err)
	}
}

// testPausedEnd: the end of a paused connection is told after Resume, behind the bytes before it.
func testPausedEnd(t *testing.T, b Backend) {
	p := newProbe(t)
	p.open = p.Pause
	resumed, got := false, ""
	p.data = func(b []byte) { got += string(b) }
	p.end = func(error) {
		if !resumed {
			t.Error("End is called while paused")
		}
		p.close()
	}
	_, far := one(t, b, p)
	if err := <-write(far, []byte("last words")); err != nil {
		t.Fatal(err)
	}
	far.Close()
	settle(t, p.Loop())
	on(t, p.Loop(), func() {
		resumed = true
		p.Resume()
	})
	if err := <-p.ended; err != io.EOF {
		t.Errorf("End: got %v, want EOF", err)
	}
	<-p.closed
	if got != "last words" {
		t.Errorf("got %q, want the last words", got)
	}
}
