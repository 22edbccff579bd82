package poller

import (
	"testing"
	"unsafe"
)

// TestSize pins what an idle connection costs its owner's object. The sum is above the type.
func TestSize(t *testing.T) {
	if unsafe.Sizeof(uintptr(0)) != 8 {
		t.Skip("the sum is for 64 bits")
	}
	if got := unsafe.Sizeof(Conn{}); got != 40 {
		t.Errorf("a Conn has %d bytes, want 40", got)
	}
}
