package pool

import "testing"

func TestAccountChargesCapacityUntilTheLastRelease(t *testing.T) {
	var a Account
	b := a.Get(1000)
	if got, want := a.Bytes(), int64(cap(b.B)); got != want || got < 1000 {
		t.Fatalf("charged %d for a capacity of %d", got, want)
	}
	b.Retain()
	b.Release()
	if a.Bytes() == 0 {
		t.Error("the charge is gone while the buffer is held")
	}
	b.B = append(b.B, make([]byte, 5000)...) // grows: what was charged is what is taken off
	b.Release()
	if got := a.Bytes(); got != 0 {
		t.Errorf("%d bytes are charged after the last release", got)
	}
}

func TestAccountOfOversizeBuffer(t *testing.T) {
	var a Account
	b := a.Get(64 << 20)
	if got := a.Bytes(); got < 64<<20 {
		t.Errorf("charged %d for 64 MiB", got)
	}
	b.Release()
	if got := a.Bytes(); got != 0 {
		t.Errorf("%d bytes are charged after the release", got)
	}
}

func TestNilAccountLends(t *testing.T) {
	var a *Account
	a.Get(10).Release()
}
