package reply

import "time"

const (
	// minRetrySeconds and maxRetrySeconds bound a Retry-After.
	minRetrySeconds = 1
	maxRetrySeconds = 10
	// bodyTime bounds the wait for a body, unless a handler sets another bound.
	bodyTime = 5 * time.Second
)
