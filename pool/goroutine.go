package pool

import (
	"bytes"
	"fmt"
	"runtime"
	"strconv"
)

// Goroutine returns the number of the calling goroutine, the one that its stack trace begins with;
// it is never 0. It takes a microsecond: it is for telling a caller that it waits for itself, and
// nothing may hang on it that has another way.
func Goroutine() uint64 {
	var b [64]byte
	line := b[:runtime.Stack(b[:], false)]
	word, _, _ := bytes.Cut(bytes.TrimPrefix(line, []byte("goroutine ")), []byte(" "))
	n, err := strconv.ParseUint(string(word), 10, 64)
	if err != nil || n == 0 {
		panic(fmt.Sprintf("pool: a stack trace begins with %q", line))
	}
	return n
}
