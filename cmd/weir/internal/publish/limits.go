package publish

import "time"

const (
	// maxBodyTime bounds the wait for a published message, or for the lines of
	// a batch.
	maxBodyTime = 10 * time.Second
	// maxBatch bounds the lines of a batch.
	maxBatch = 10
	// lineOverhead is what a line of a batch has besides its payload: names,
	// keys, and punctuation.
	lineOverhead = 2 << 10
	// maxIdempotencyBytes bounds an idempotency key.
	maxIdempotencyBytes = 128
	// maxRemembered bounds the idempotency keys that are remembered: 65,536 of
	// some 260 bytes are 17 MB.
	maxRemembered = 1 << 16
	// rememberTime is how long one is.
	rememberTime = 5 * time.Minute
)
