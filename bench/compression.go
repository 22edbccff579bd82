package bench

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"strings"
)

// Compression is what the generator offers of permessage-deflate (RFC 7692). With
// it messages are text that looks like JSON, and go out compressed, each by itself.
// A server that declines ends the scenario. The standard library does it: what is
// measured has another implementation.
type Compression string

// What a Compression may be.
const (
	Uncompressed      Compression = ""        // nothing is offered
	CompressedAlone   Compression = "alone"   // neither side's messages refer to those before
	CompressedChained Compression = "context" // the server's may, and it has to expect it of ours
)

// check refuses what is none.
func (c Compression) check() error {
	switch c {
	case Uncompressed, CompressedAlone, CompressedChained:
		return nil
	}
	return fmt.Errorf("bench: compression %q is neither alone nor context", string(c))
}

// offer is the request's Sec-WebSocket-Extensions; empty: none.
func (c Compression) offer() string {
	switch c {
	case CompressedAlone:
		return "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
	case CompressedChained:
		return "permessage-deflate; client_max_window_bits"
	}
	return ""
}

// checkAnswer judges the server's Sec-WebSocket-Extensions; empty: it has none.
func (c Compression) checkAnswer(answer string) error {
	name, params, _ := strings.Cut(answer, ";")
	switch {
	case c == Uncompressed && answer == "":
		return nil
	case c == Uncompressed:
		return &ProtocolError{"the server chose an extension that was not offered: " + answer}
	case strings.TrimSpace(name) != "permessage-deflate":
		return &ProtocolError{"the server does not compress: its extensions are " + fmt.Sprintf("%q", answer)}
	case c == CompressedAlone && !strings.Contains(params, "server_no_context_takeover"):
		return &ProtocolError{"the server keeps a context although it was asked not to: " + answer}
	}
	return nil
}

// deflateTail ends each message for a decompressor: the empty block that is not
// sent (RFC 7692, 7.2.2), and one that is marked as the last.
const deflateTail = "\x00\x00\xff\xff\x01\x00\x00\xff\xff"

// deflateWindow is how far back a message may refer.
const deflateWindow = 32 << 10

// unpacker decompresses messages of any connection of a generator, one at a time.
type unpacker struct {
	alone   bool
	r       io.ReadCloser
	src     bytes.Reader
	in, out []byte
	known   [][]byte // by slot: compressed messages that were right, where they are alone
}

func newUnpacker(f *frames, alone bool) *unpacker {
	u := &unpacker{alone: alone, out: make([]byte, 0, f.size+1), known: make([][]byte, f.count)}
	u.r = flate.NewReader(&u.src)
	return u
}

// unpack decompresses raw, which may refer to window.
func (u *unpacker) unpack(raw, window []byte) ([]byte, error) {
	u.in = append(append(u.in[:0], raw...), deflateTail...)
	u.src.Reset(u.in)
	if err := u.r.(flate.Resetter).Reset(&u.src, window); err != nil {
		return nil, err
	}
	u.out = u.out[:0]
	for {
		if len(u.out) == cap(u.out) {
			return nil, &ProtocolError{"a compressed message is longer than it should be"}
		}
		n, err := u.r.Read(u.out[len(u.out):cap(u.out)])
		u.out = u.out[:len(u.out)+n]
		if err == io.EOF {
			return u.out, nil
		}
		if err != nil {
			return nil, &ProtocolError{"a compressed message is not: " + err.Error()}
		}
	}
}

// unpacked checks the current message, which came as raw.
func (in *inbound) unpacked(raw []byte) error {
	u := in.frames.unpacker
	if u.alone && u.known[in.slot] != nil && bytes.Equal(raw, u.known[in.slot]) {
		return nil
	}
	msg, err := u.unpack(raw, in.window)
	if err != nil {
		return err
	}
	if err := in.compare(msg, 0); err != nil {
		return err
	}
	if u.alone {
		u.known[in.slot] = bytes.Clone(raw)
	} else {
		if in.window == nil {
			in.window = make([]byte, 0, deflateWindow)
		}
		if over := len(in.window) + len(msg) - deflateWindow; over > 0 {
			in.window = in.window[:copy(in.window, in.window[min(over, len(in.window)):])]
		}
		in.window = append(in.window, msg[max(0, len(msg)-deflateWindow):]...)
	}
	return in.complete(len(msg))
}

// What bounds the search for messages that are as long as each other once they are
// compressed: the frames of a scenario are.
const (
	packedFrames = 256
	packedTries  = 32 << 20 // bytes that are compressed for it
)

// newPackedFrames prepares messages that go out compressed.
func newPackedFrames(size int, alone bool, seed uint64) (*frames, error) {
	f := &frames{size: size, op: opText}
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.DefaultCompression)
	if err != nil {
		return nil, err
	}
	r := rng(seed)
	payload := make([]byte, size)
	want := 0
	for tried := 0; f.count < packedFrames && (f.count == 0 || tried < packedTries); tried += size + 1 {
		r.fillJSON(payload)
		b.Reset()
		w.Reset(&b)
		if _, err := w.Write(payload); err != nil {
			return nil, err
		}
		if err := w.Flush(); err != nil {
			return nil, err
		}
		packed := b.Bytes()[:b.Len()-4]
		if want == 0 {
			want = len(packed)
		}
		if len(packed) != want {
			continue
		}
		key := r.mask()
		at := len(f.out)
		f.out = appendMasked(f.out, f.op, packed, key)
		f.out[at] |= bitRSV1
		f.in = append(appendHeader(f.in, f.op, size, nil), payload...)
		f.count++
	}
	f.finish()
	f.unpacker = newUnpacker(f, alone)
	return f, nil
}

// fillJSON overwrites b with what looks like JSON: records with names that recur
// and values that don't.
func (r *rng) fillJSON(b []byte) {
	words := [...]string{"alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel"}
	dst := append(b[:0:0], '[')
	for len(dst) < len(b) {
		n := r.next()
		dst = fmt.Appendf(dst, `{"id":%d,"name":"user-%d","price":%d.%02d,"tags":["%s","%s"],"active":%t},`,
			n%1e6, n>>20%1e4, n>>34%1e4, n>>48%100, words[n>>3&7], words[n>>6&7], n>>9&1 == 0)
	}
	copy(b, dst)
}
