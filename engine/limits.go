package engine

import "time"

// The defaults of Options, each with its sum. What is not in Options is fixed.
const (
	// DefaultMaxConns is the number of upgraded connections: a million at 256 B
	// are 256 MB of the process's own memory.
	DefaultMaxConns = 1_000_000
	// DefaultMaxMessageBytes bounds one received message over all its frames.
	DefaultMaxMessageBytes = 1 << 20
	// DefaultMaxFragments bounds the frames of one received message: an empty
	// fragment takes no memory, only a few nanoseconds.
	DefaultMaxFragments = 16384
	// DefaultMaxBacklogBytes bounds what waits for one connection's socket. A
	// message enters while what waits before it is below the bound, so the
	// most that a connection holds is the bound plus one message.
	DefaultMaxBacklogBytes = 1 << 20
	// DefaultMaxBacklogAge bounds how long a message waits: a reader that takes
	// a byte a second never stalls, and never catches up.
	DefaultMaxBacklogAge = 30 * time.Second
	// DefaultStrandDepth bounds the received messages of one connection that
	// wait for a worker. At the bound its socket is not read: one connection
	// holds at most the messages of this depth and the rest of one read.
	DefaultStrandDepth = 64
	// DefaultWorkers bounds the goroutines that run callbacks. They are started
	// when needed; 256 with 8 KiB of stack are 2 MiB.
	DefaultWorkers = 256
	// DefaultSlowCallback is how long a callback runs before the log names it: as
	// long as nobody waits for an answer.
	DefaultSlowCallback = 10 * time.Second
	// DefaultMaxHeadBytes and DefaultMaxHeadFields bound the head of an opening
	// handshake: a browser's has some 600 bytes in 15 fields, and its cookies.
	DefaultMaxHeadBytes  = 8 << 10
	DefaultMaxHeadFields = 64
	// DefaultMaxUpgradeTime is the time from accept to the answer of the
	// opening handshake, and that of a Dial.
	DefaultMaxUpgradeTime = 5 * time.Second
	// DefaultMaxUpgrades bounds the Upgrade callbacks that run or wait.
	DefaultMaxUpgrades = 1024
	// DefaultMaxTLSHandshakes bounds the TLS handshakes that are under way, each a
	// goroutine of some 16 KiB: 16 MiB.
	DefaultMaxTLSHandshakes = 1024
	// DefaultKeepAlive is the silence after which a ping is sent. A peer that
	// stays silent for as long again is taken for dead.
	DefaultKeepAlive = 30 * time.Second
	// DefaultMinReconnectDelay and DefaultMaxReconnectDelay bound the pauses of Keep:
	// half a million clients that lost their server come back within a second at
	// first, which is ten loops' DefaultMaxHandshakesPerSecond, and within 30 s, 17,000
	// in each, when it does not keep up.
	DefaultMinReconnectDelay = time.Second
	DefaultMaxReconnectDelay = 30 * time.Second
	// DefaultMaxUnackedTime is how long a peer that is sent something may be gone: it
	// is half of what KeepAlive takes to find one that is sent nothing.
	DefaultMaxUnackedTime = 30 * time.Second
	// DefaultCloseTimeout bounds the closing handshake, the backlog before it
	// included.
	DefaultCloseTimeout = 5 * time.Second
	// DefaultMemoryBudget bounds what is held for peers, over all connections: a
	// thousand full backlogs, or a thousand unfinished messages of the largest
	// size.
	DefaultMemoryBudget = 1 << 30
	// DefaultMaxTopics bounds the topics of one connection.
	DefaultMaxTopics = 1024
	// DefaultMaxConnsPerIP bounds the sockets of one public address: a household
	// has some, an office behind one address thousands, and with this many of
	// 60,000 ports nobody takes all of DefaultMaxConns from less than 61.
	DefaultMaxConnsPerIP = 16384
	// DefaultMaxHandshakes bounds the sockets that shake hands at a time: with
	// the largest head each they hold 256 MiB, a quarter of DefaultMemoryBudget.
	DefaultMaxHandshakes = 32768
	// DefaultMaxHandshakesPerSecond bounds the sockets that come in a second, for
	// each loop: at some 15 µs each, 50,000 take three quarters of its core.
	DefaultMaxHandshakesPerSecond = 50_000
	// DefaultMaxControlsPerSecond bounds the pings and pongs of one peer. Twice as
	// many may come at once. A keep-alive is one in 30 s.
	DefaultMaxControlsPerSecond = 100
	// DefaultMinBytesPerSecond is how fast a frame must come that takes longer than
	// 10 s: the largest message is there within three hours.
	DefaultMinBytesPerSecond = 100
	// DefaultMaxMessageIdle bounds the time in which nothing comes of a message
	// that was begun: it is memory that nobody uses.
	DefaultMaxMessageIdle = 60 * time.Second

	// computingPerCore bounds, for each core, the TLS handshakes that compute at a
	// time: more would only take turns.
	computingPerCore = 2
	// maxFedBytes is how much a client may send before its handshake has used
	// what it sent before; then its socket is not read.
	maxFedBytes = 64 << 10
	// maxRetryHint bounds how long a server may ask to be left alone by Keep.
	maxRetryHint = time.Hour
	// plainBytes is the buffer of a loop for what TLS connections decrypt; they
	// have none.
	plainBytes = 64 << 10
	// upgradeWorkers bounds the goroutines that run Upgrade callbacks: they are
	// not the Workers, so that slow authentication starves no messages.
	upgradeWorkers = 64
	// readBytes is the read buffer of a loop; connections have none.
	readBytes = 64 << 10
	// turnBytes bounds what is read from one socket before others have a turn.
	turnBytes = 256 << 10
	// maxPosts and maxPostBytes bound the publications that wait for a loop.
	maxPosts     = 1 << 16
	maxPostBytes = 64 << 20
	// turnWork bounds what a loop gives out in one turn, and what it writes: it
	// counts 1 for a message that goes into a queue and writeWork for a
	// connection that is written to, so that a turn takes some milliseconds:
	// 1024 system calls of 4 µs, or 16384 messages of 200 ns.
	turnWork  = 16 << 10
	writeWork = 16
	// touched is how many connections are touched at a time: their three cache
	// lines each stay in the first level's 32 KiB or more.
	touched = 16
	// minFrameCost is what a frame counts for at least in a backlog: a queue
	// keeps 64 bytes for each. minBacklogFrames may wait in the smallest
	// backlog: 64 KiB of them.
	minFrameCost     = 64
	minBacklogFrames = 1024
	// softPercent, 100 and brimPercent of MemoryBudget are its marks. Between
	// the last two there is room for what a turn adds before those that hold
	// too much are closed, until shedPercent is left; budgetGrains are the
	// steps in which the budget is counted, so that it is exact to 1/64 at any
	// moment.
	softPercent  = 80
	shedPercent  = 95
	brimPercent  = 105
	budgetGrains = 64
	// pressurePercent and reliefPercent of GOMEMLIMIT are where the process's own
	// need begins, and ends, to count as if softPercent was reached.
	pressurePercent = 90
	reliefPercent   = 85
	// largeBytes is the size from which an unfinished message is not read on
	// above the soft mark, and strainTicks for how long: then it is given up,
	// so that messages which nobody may finish don't keep the server there. Near
	// GOMEMLIMIT so is a queue of that size which waits for that long.
	largeBytes  = 64 << 10
	strainTicks = 50
	// minBurdenBytes is the least for which a connection is closed above the
	// hard mark.
	minBurdenBytes = 4 << 10
	// lentBytes bounds, with StrandDepth, the received messages of one
	// connection that wait for a worker: the last one times those before it.
	lentBytes = 64 << 10
	// parcelBytes is the memory of a parcel, the small messages of one read on
	// their way to a worker, parcelMax the longest message that is put into one.
	parcelBytes = 2 << 10
	parcelMax   = 256
	// patrolTicks is how often a watched connection is looked at, at least:
	// every second. Up to patrolMin of a loop are looked at every tick.
	patrolTicks = 10
	patrolMin   = 256
	// maxSparePosts and maxSpareTargets bound the tables that a loop keeps from
	// one fan-out to the next.
	maxSparePosts   = 4 << 10
	maxSpareTargets = 64 << 10
	// indexTopics is the number of topics of one connection from which they are
	// found by a map.
	indexTopics = 32
	// minNames is the number of topic names from which their table shrinks when
	// most are gone.
	minNames = 1 << 10
	// maxMannerKiB is the greatest bound of a subscription's own on a backlog:
	// 64 MiB less a KiB, as 16 bits hold.
	maxMannerKiB = 1<<16 - 1
	// maxUntoldBytes bounds the messages of one loop's connections that wait to be
	// shown to Drop; further ones are counted only.
	maxUntoldBytes = 16 << 20
	// maxControlFrames bounds the pings and pongs that wait for one socket.
	maxControlFrames = 64
	// controlCost is what a control frame is charged with: a tick takes
	// MaxControlsPerSecond off, and a second has 10. controlBurst is how many
	// seconds' worth may come at once. Conn counts in 16 bits: maxControlRate
	// times both fits. maxSpareNoisy bounds the table of those that are charged.
	controlCost    = 10
	controlBurst   = 2
	maxControlRate = 3000
	maxSpareNoisy  = 4 << 10
	// slowTime is how long a frame may take at any speed.
	slowTime = 10 * time.Second
	// maxSpareSockets is how many sockets beyond MaxConns are held to answer
	// them with 503; further ones are closed unread.
	maxSpareSockets = 1024
	// retrySeconds is the Retry-After of a 429 and a 503.
	retrySeconds = 5
	// DefaultCompressionLevel is the quickest: the others take up to half as long
	// again and leave 5 % less of JSON.
	DefaultCompressionLevel = 1
	// DefaultCompressionThreshold is the length from which a message is compressed
	// that refers to no other, DefaultChainedThreshold from which one is that
	// refers to those before.
	DefaultCompressionThreshold = 256
	DefaultChainedThreshold     = 64
	// wearyTicks is how long the window of what a connection sent is kept for the
	// next message.
	wearyTicks = 600
	// keptDeflated bounds what a compressor keeps for what comes out of it.
	keptDeflated = 64 << 10
	// closePace is how many connections Shutdown closes each millisecond.
	closePace = 100
	// maxDialBody bounds what DialError keeps of the body, and dialBodyTime how
	// long Dial waits for it.
	maxDialBody  = 4 << 10
	dialBodyTime = time.Second
	// maskBatchBytes is how much randomness for masks is fetched at a time: for
	// 256 frames. There is a batch for each processor, more or less.
	maskBatchBytes = 1 << 10
	// maxPlainConns bounds the connections that speak plain HTTP.
	maxPlainConns = 1024
	// directBytes is the size from which a message is written to the socket at
	// once, past the queue, if nothing waits before it.
	directBytes = 8 << 10
	// flushBytes is how much may gather before a sender writes it itself
	// rather than leave it to the loop.
	flushBytes = 64 << 10
	// aheadBytes is what a Writer or a Stream lets wait for the socket: with it
	// the loop has something to write whenever the socket takes some.
	// fragmentBytes is the most that goes into one frame of theirs.
	aheadBytes    = 64 << 10
	fragmentBytes = 32 << 10
	// intakeBytes and intakeParts bound what was received and not read of a
	// Socket or Stream: the last message, or piece, may go beyond.
	intakeBytes = 64 << 10
	intakeParts = 1024
	// writeSlices and writeBytes bound one gathered write.
	writeSlices = 64
	writeBytes  = 1 << 20
	// maxControlBytes is RFC 6455, 5.5; maxReasonBytes leaves room for the code.
	maxControlBytes = 125
	maxReasonBytes  = maxControlBytes - 2
	// lingerBytes bounds what is read and thrown away behind a closing frame,
	// so that a peer that is still sending gets to read it.
	lingerBytes = 1 << 20
	// tick is the step of the clock that every deadline is counted in, and
	// stallTicks the most that one step may count: a process that was stopped
	// or starved does not take its peers for dead. A loop on which nothing
	// happens, and nothing is due in the next restTicks, is woken once in so many.
	tick       = 100 * time.Millisecond
	stallTicks = 10
	restTicks  = 10
)
