package admin

import "time"

const (
	// defaultConns and maxConns bound the connections of one answer.
	defaultConns = 100
	maxConns     = 1000
	// maxTopics bounds the topics of one answer.
	maxTopics = 1000
	// maxBodyBytes bounds the body of a request.
	maxBodyBytes = 4 << 10
	// maxStreams bounds the clients that watch at a time.
	maxStreams = 64
	// eventRoom is how many events wait for one that watches, and maxEvents how
	// many it gets in each statsEvery; of the others it gets the number.
	// maxEventBytes bounds what is shown of a message.
	eventRoom     = 256
	maxEvents     = 100
	maxEventBytes = 4 << 10
	// statsEvery is how often those that watch get the counters.
	statsEvery = time.Second
	// liveWithin is how late an event loop may be: beyond it weir is not live.
	liveWithin = 5 * time.Second
	// writeTime bounds a write to one that watches.
	writeTime = 10 * time.Second
	// partingTime is how long those that watch, and requests that are under way,
	// have to end when the server does.
	partingTime = time.Second
	// headTime and idleTime bound a connection of the admin port.
	headTime = 5 * time.Second
	idleTime = 2 * time.Minute
)
