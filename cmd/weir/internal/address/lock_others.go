//go:build !windows

package address

import (
	"errors"
	"os"
	"syscall"
	"time"
)

// lock locks a directory, which leaves no file behind, not even of a process that
// is killed.
func lock(dir string) (unlock func(), ok bool) {
	f, err := os.Open(dir)
	if err != nil {
		return func() {}, false
	}
	for end := time.Now().Add(lockPatience); ; time.Sleep(lockPatience / 100) {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { _ = f.Close() }, true // which unlocks it
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) || time.Now().After(end) {
			_ = f.Close() // read only
			return func() {}, false
		}
	}
}
