//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package poller

import (
	"sync"
	"testing"
)

func TestTable(t *testing.T) {
	var tab table
	for _, fd := range []int{0, 5, chunkSlots, 1 << 24} {
		if tab.get(fd) != nil {
			t.Errorf("descriptor %d of an empty table has a Conn", fd)
		}
	}
	l := new(Loop)
	conns := make([]Conn, 4)
	for i, fd := range []int{0, chunkSlots - 1, chunkSlots, 5*chunkSlots + 3} {
		conns[i].loop = l
		tab.put(fd, &conns[i])
		if tab.get(fd) != &conns[i] {
			t.Errorf("descriptor %d is not found", fd)
		}
	}
	conns[0].loop = new(Loop)
	if got := len(tab.of(l)); got != 3 {
		t.Errorf("%d connections of the loop, want 3", got)
	}
	tab.clear(chunkSlots)
	if tab.get(chunkSlots) != nil || len(tab.of(l)) != 2 {
		t.Error("a cleared descriptor is found")
	}
}

// TestTableGrows: nothing that is put while the table grows is lost.
func TestTableGrows(t *testing.T) {
	var tab table
	var putters sync.WaitGroup
	conns := make([]Conn, 64)
	for i := range conns {
		putters.Go(func() {
			fd := i*chunkSlots + i
			tab.put(fd, &conns[i])
			if tab.get(fd) != &conns[i] {
				t.Errorf("descriptor %d is lost", fd)
			}
		})
	}
	putters.Wait()
	for i := range conns {
		if fd := i*chunkSlots + i; tab.get(fd) != &conns[i] {
			t.Errorf("descriptor %d is lost", fd)
		}
	}
}
