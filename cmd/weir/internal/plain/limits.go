package plain

import "time"

const (
	// maxTokenBytes bounds a token: a request's head has 8 KiB.
	maxTokenBytes = 4 << 10
	// maxStrikes is how many of a client's messages may be refused before it is
	// closed with 1008. A client that is quiet for a second begins anew.
	maxStrikes = 3
	// maxRefreshes bounds the tokens that are judged at a time, for clients that
	// refresh theirs: a judgement may have to fetch a key.
	maxRefreshes = 64
	// refreshTime bounds one of them.
	refreshTime = 10 * time.Second
	// burst is how much of a second's messages a client may send at once.
	burst = time.Second
	// maxReasonBytes is RFC 6455, 5.5: 125 bytes, less the code.
	maxReasonBytes = 123
)
