package poller

import "time"

const (
	// defaultReadBytes is the read buffer of a loop, one for all its connections.
	defaultReadBytes = 64 << 10
	// defaultTurnBytes is what one socket may bring in before the others get their turn.
	defaultTurnBytes = 256 << 10
	// maxCallBytes bounds one system call: a raw call can't be preempted, and the collector waits for it, some
	// 0.2 ms for so much. A message of a MiB goes out in one, with its header.
	maxCallBytes = 1<<20 + 4<<10
	// maxReadBytes bounds the read buffer of a loop, which it has for good.
	maxReadBytes = 256 << 10
	// maxBuffers is how many slices one gathering write takes.
	maxBuffers = 64
	// maxSpareTasks is the longest task or reread queue whose memory a loop keeps.
	maxSpareTasks = 1024
	// maxLoops keeps a mistaken Options.Loops from starting a million goroutines.
	maxLoops = 1024

	// acceptsPerTurn is how many connections a listener deals before other events of its loop.
	acceptsPerTurn = 64
	// maxDrainAccepts bounds what Listener.Close still deals, so that a flood can't keep it from ending.
	maxDrainAccepts = 64 << 10
	// minAcceptPause and maxAcceptPause bound the back-off of a listener that can't accept.
	minAcceptPause = 5 * time.Millisecond
	maxAcceptPause = time.Second
	// acceptLogPause is the least time between two log lines of a listener.
	acceptLogPause = time.Second

	// streamReadBytes is the read buffer of a stream: a TLS record.
	streamReadBytes = 16 << 10
	// streamWriteBytes is what a stream takes before its Write is short, as a socket's send buffer does.
	streamWriteBytes = 64 << 10
	// streamLinger is how long a closed stream may still write what it had taken.
	streamLinger = 2 * time.Second
)
