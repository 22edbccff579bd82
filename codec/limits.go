package codec

import "math"

// Limits bound the head of a request or an answer. The zero value means
// DefaultHeadBytes and DefaultFields.
type Limits struct {
	HeadBytes int // the start line, the fields and the blank line; 0: DefaultHeadBytes, negative: no limit
	Fields    int // header lines; 0: DefaultFields, negative: no limit
}

// The limits of a head when none are given.
const (
	DefaultHeadBytes = 8192
	DefaultFields    = 64
)

// maxSubprotocols is how many subprotocols a client may offer: each is compared
// with those before it.
const maxSubprotocols = 64

// effective returns l with its zeros and negatives replaced.
func (l Limits) effective() Limits {
	return Limits{limit(l.HeadBytes, DefaultHeadBytes), limit(l.Fields, DefaultFields)}
}

func limit(given, byDefault int) int {
	switch {
	case given == 0:
		return byDefault
	case given < 0:
		return math.MaxInt
	}
	return given
}
