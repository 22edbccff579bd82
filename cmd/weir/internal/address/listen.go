package address

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// lockPatience is how long Listen waits for another process that is about to
// listen in the same directory.
const lockPatience = time.Second

// Listen returns what listen does, which listens on addr. The file of a Unix
// socket that a killed process left behind is removed for it; one on which
// somebody listens stays, and so does a file of any other kind.
//
// The directory is locked meanwhile: of two that find the same file none removes
// the other's new socket.
func Listen(addr string, listen func() (net.Listener, error)) (net.Listener, error) {
	path, ok := UnixPath(addr)
	if !ok {
		return listen()
	}
	unlock, locked := lock(filepath.Dir(path))
	defer unlock()
	ln, err := listen()
	if !locked || !errors.Is(err, errInUse) || !abandoned(path) {
		return ln, err
	}
	if os.Remove(path) != nil {
		return nil, err // it is still in the way
	}
	return listen()
}

// abandoned says whether path is a socket on which nobody listens. A connection is
// refused at a file that is no socket, too.
func abandoned(path string) bool {
	if f, err := os.Lstat(path); err != nil || f.Mode().Type() != os.ModeSocket {
		return false
	}
	c, err := net.Dial("unix", path)
	if err != nil {
		return errors.Is(err, syscall.ECONNREFUSED)
	}
	_ = c.Close() // somebody is there
	return false
}
