package sendq

const (
	// firstChunkBytes and chunkBytes bound the buffer that gathers small
	// frames: a Queue starts with the one and goes on with the other.
	firstChunkBytes = 2 << 10
	chunkBytes      = 64 << 10
	// smallBytes bounds a frame that is gathered; a larger one gets a buffer
	// of its own size.
	smallBytes = 8 << 10
	// keepFrames bounds the table of frames that an empty Queue keeps, and
	// keepKeys what it keeps of a table of keys.
	keepFrames = 256
	keepKeys   = 64
	// freeBytes is how much may wait in a Queue that is not held before its
	// memory counts: what is written in the same turn is never charged.
	freeBytes = 4 << 10
	// minGaps is how many dropped frames a lane has before it closes the gaps.
	minGaps = 64

	// What a Queue, a frame and a key take besides their bytes.
	queueBytes = 256
	frameBytes = 64
	keyBytes   = 96
)
