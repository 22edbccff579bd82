//go:build unix

package address

import (
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// leave leaves a socket on which nobody listens.
func leave(t *testing.T, path string) {
	t.Helper()
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	ln.(*net.UnixListener).SetUnlinkOnClose(false)
	ln.Close()
}

// on listens on a socket as weir does.
func on(path string) (net.Listener, error) {
	return Listen(unixPrefix+path, func() (net.Listener, error) { return net.Listen("unix", path) })
}

// TestListenOnWhatIsLeft: a socket that was left behind is no obstacle.
func TestListenOnWhatIsLeft(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	leave(t, path)
	ln, err := on(path)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}

// TestListenLeavesOthers: what is in use, or no socket, stays where it is.
func TestListenLeavesOthers(t *testing.T) {
	dir := t.TempDir()
	live, err := net.Listen("unix", filepath.Join(dir, "live"))
	if err != nil {
		t.Fatal(err)
	}
	defer live.Close()
	if err := os.WriteFile(filepath.Join(dir, "file"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	leave(t, filepath.Join(dir, "left"))
	if err := os.Symlink("left", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"live", "file", "link"} {
		before, err := os.Lstat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if ln, err := on(filepath.Join(dir, name)); err == nil {
			ln.Close()
			t.Errorf("%s: it was taken", name)
			continue
		}
		if after, err := os.Lstat(filepath.Join(dir, name)); err != nil || !os.SameFile(before, after) {
			t.Errorf("%s: it is another file now, %v", name, err)
		}
	}
}

// TestListenManyOnWhatIsLeft: of many that find the same socket one listens, at
// the path.
func TestListenManyOnWhatIsLeft(t *testing.T) {
	for range 20 {
		path := filepath.Join(t.TempDir(), "s")
		leave(t, path)
		var wg sync.WaitGroup
		got := make(chan net.Listener, 10)
		for range cap(got) {
			wg.Go(func() {
				if ln, err := on(path); err == nil {
					got <- ln
				}
			})
		}
		wg.Wait()
		if len(got) != 1 {
			t.Fatalf("%d listen, want 1", len(got))
		}
		c, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
		(<-got).Close()
	}
}
