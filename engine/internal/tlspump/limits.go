package tlspump

const (
	// chunkBytes is how much plaintext is encrypted before the socket is asked
	// to take it: three of the largest records. What the socket does not take
	// of it waits as ciphertext.
	chunkBytes = 48 << 10
	// outBytes is the buffer that a chunk is encrypted into: the chunk, and 29
	// bytes for each of its records, of which crypto/tls makes the first ones of
	// a connection as small as 1.2 KiB.
	outBytes = 52 << 10
	// recordBytes is the most plaintext of a record: RFC 8446, 5.1. Small
	// slices are put together to one of that size.
	recordBytes = 16 << 10
	// headerBytes is the header of a record.
	headerBytes = 5
	// maxCipherBytes is the most that follows it: RFC 5246, 6.2.3.
	maxCipherBytes = recordBytes + 2048
	// maxReplyBytes bounds what a peer makes us answer without reading it: two
	// thousand key updates.
	maxReplyBytes = 64 << 10
)
