package bench

// What bounds the prepared messages.
const (
	maxFrames  = 4096      // different messages
	minFrames  = 4         // different messages, however large
	frameBytes = 256 << 10 // payload bytes over all of them, when minFrames allows
	maxIO      = 256 << 10 // bytes of one system call: a raw call cannot be preempted
)

// frames is the set of messages that a scenario sends in turn, prepared once and
// only read afterwards: masked as a client sends them, and plain as a server
// returns them. Message count-1 is followed by message 0 again.
//
// Both slices go on with a copy of their beginning (at most maxIO bytes), so that
// what is sent or compared at once lies in one piece across the end.
type frames struct {
	size   int    // payload bytes of each message
	count  int    // different messages
	op     byte   // opText or opBinary
	out    []byte // count masked frames
	outLen int    // bytes of one of them
	in     []byte // count plain frames
	inHead int    // bytes of a plain header
	inLen  int    // bytes of a plain frame

	unpacker *unpacker // nil: messages are not compressed
}

// newFrames prepares messages of size bytes.
func newFrames(size int, text bool, seed uint64) *frames {
	f := &frames{size: size, op: opBinary, count: maxFrames}
	if size > 0 {
		f.count = min(max(frameBytes/size, minFrames), maxFrames)
	}
	if text {
		f.op = opText
	}
	r := rng(seed)
	payload := make([]byte, size)
	for range f.count {
		if text {
			r.fillText(payload)
		} else {
			r.fill(payload)
		}
		f.out = appendMasked(f.out, f.op, payload, r.mask())
		f.in = append(appendHeader(f.in, f.op, size, nil), payload...)
	}
	f.finish()
	return f
}

// finish lays out the messages that were appended.
func (f *frames) finish() {
	f.outLen = len(f.out) / f.count
	f.inLen = len(f.in) / f.count
	f.inHead = f.inLen - f.size
	f.out = append(f.out, f.out[:min(len(f.out), maxIO)]...)
	f.in = append(f.in, f.in[:min(len(f.in), maxIO)]...)
}

// maxPacked is how many bytes a server's message may have that is compressed: twice as
// many as it says, and then some. No compressor needs as many.
func (f *frames) maxPacked() int { return 2*f.size + 1024 }

// payload is the content of message slot.
func (f *frames) payload(slot int) []byte {
	at := slot * f.inLen
	return f.in[at+f.inHead : at+f.inLen]
}
