package engine

import (
	"errors"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// backoff returns the pause before the attempt that n others came before: any up
// to a bound that doubles from least to most, so that many who wait spread
// evenly.
func backoff(least, most time.Duration, n int) time.Duration {
	bound := least
	for ; n > 0 && bound < most; n-- {
		bound *= 2
	}
	return rand.N(min(bound, most) + 1)
}

// hint is how long the server asks to be left alone: by Retry-After, RFC 9110,
// 10.2.3, or by the reason of a closing frame. It is an hour at most.
func hint(err error, now time.Time) time.Duration {
	var refused *DialError
	var end *CloseError
	switch {
	case errors.As(err, &refused):
		return bounded(retryAfter(refused.Header.Get("Retry-After"), now))
	case errors.As(err, &end) && end.Peer:
		if ms, ok := strings.CutPrefix(end.Reason, "retry="); ok {
			d, _ := count(ms, time.Millisecond)
			return d
		}
	}
	return 0
}

func bounded(d time.Duration) time.Duration { return max(0, min(d, maxRetryHint)) }

// count reads a number of units, of which it takes an hour at most.
func count(s string, unit time.Duration) (d time.Duration, ok bool) {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0, false
	}
	return time.Duration(min(n, uint64(maxRetryHint/unit))) * unit, true // n is the greatest when out of range
}

// retryAfter reads seconds, or a date.
func retryAfter(s string, now time.Time) time.Duration {
	if d, ok := count(s, time.Second); ok {
		return d
	}
	if at, err := http.ParseTime(s); err == nil {
		return at.Sub(now)
	}
	return 0
}

// isTransient reports whether a status below 500 speaks of the moment only.
func isTransient(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	}
	return false
}
