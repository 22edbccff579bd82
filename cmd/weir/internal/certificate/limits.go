package certificate

import "time"

const (
	// lookEvery is the least time between two looks at the files of a certificate:
	// two calls of stat a second at most, however many handshakes there are.
	lookEvery = time.Second
	// soon is how long before its end a certificate is worth a word: a renewal that
	// works comes earlier.
	soon = 14 * 24 * time.Hour
	// maxFileBytes bounds a certificate's chain, a key, and an authority's roots.
	maxFileBytes = 1 << 20
)
