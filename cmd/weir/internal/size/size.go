// Package size reads numbers of bytes the way that people write them.
package size

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Bytes is a number of bytes, and a flag's value: "65536", "64k" and "64KiB"
// are the same. The units are powers of 1024.
type Bytes int

// units are the suffixes that are understood, the longest first.
var units = []struct {
	suffix string
	shift  uint
}{
	{"kib", 10}, {"mib", 20}, {"gib", 30},
	{"kb", 10}, {"mb", 20}, {"gb", 30},
	{"k", 10}, {"m", 20}, {"g", 30}, {"b", 0}, {"", 0},
}

// Set reads s.
func (b *Bytes) Set(s string) error {
	low := strings.ToLower(strings.TrimSpace(s))
	for _, u := range units {
		digits, ok := strings.CutSuffix(low, u.suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseUint(strings.TrimSpace(digits), 10, 63)
		if err != nil {
			break
		}
		if n > math.MaxInt>>u.shift {
			return fmt.Errorf("%s is more than this machine can count", s)
		}
		*b = Bytes(n << u.shift)
		return nil
	}
	return fmt.Errorf("%q is not a number of bytes; write it like 4096, 64k or 16m", s)
}

// String writes b with the largest unit that leaves it whole.
func (b Bytes) String() string {
	if b <= 0 {
		return strconv.Itoa(int(b))
	}
	for _, u := range []struct {
		suffix string
		shift  uint
	}{{"g", 30}, {"m", 20}, {"k", 10}} {
		if b&(1<<u.shift-1) == 0 {
			return strconv.Itoa(int(b>>u.shift)) + u.suffix
		}
	}
	return strconv.Itoa(int(b))
}

// Type is what the flag's help calls the value.
func (b *Bytes) Type() string { return "BYTES" }
