package rate

import (
	"testing"
	"time"
)

func TestTake(t *testing.T) {
	var l Limit
	now := time.Now()
	for range 1000 {
		if !l.take(now) {
			t.Fatal("no rate refuses")
		}
	}
	l.Set(10)
	taken := func() (n int) {
		for l.take(now) {
			n++
		}
		return n
	}
	if n := taken(); n != 10 {
		t.Errorf("%d at once, want a second's 10", n)
	}
	now = now.Add(300 * time.Millisecond)
	if n := taken(); n != 3 {
		t.Errorf("%d after 0.3 s, want 3", n)
	}
	now = now.Add(time.Hour)
	if n := taken(); n != 10 {
		t.Errorf("%d after an hour, want 10", n)
	}
	l.Set(0.5)
	now = now.Add(time.Hour)
	if n := taken(); n != 1 {
		t.Errorf("%d at half a thing a second, want 1", n)
	}
}

// TestSet: a rate that is raised holds at once, however low it was.
func TestSet(t *testing.T) {
	var l Limit
	l.Set(1.0 / 3600)
	now := time.Now()
	if !l.take(now) || l.take(now) {
		t.Fatal("one an hour is not one an hour")
	}
	l.Set(100)
	n := 0
	for l.take(now) {
		n++
	}
	if n != 100 {
		t.Errorf("%d at once after an hour's wait was called off, want a second's 100", n)
	}
}

// TestRaised: what was let through at a lower rate is paid for at the higher one.
func TestRaised(t *testing.T) {
	var l Limit
	l.Set(10)
	now := time.Now()
	for range 10 {
		if !l.take(now) {
			t.Fatal("a second's worth is not let through at once")
		}
	}
	l.Set(20)
	if l.take(now) {
		t.Error("raising the rate gives another burst")
	}
	now = now.Add(50 * time.Millisecond)
	if !l.take(now) || l.take(now) {
		t.Error("after a twentieth of a second it is not one that goes on")
	}
}

// TestLate: who has looked at the clock and comes behind others gives nobody
// another burst.
func TestLate(t *testing.T) {
	var l Limit
	l.Set(10)
	late := time.Now()
	now := late.Add(10 * time.Millisecond)
	for l.take(now) {
	}
	if l.take(late) || l.take(now) {
		t.Error("it begins anew")
	}
}
