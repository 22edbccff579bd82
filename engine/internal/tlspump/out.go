package tlspump

import "sync"

// buffers are what chunks are encrypted into. A connection has one only while
// it writes, or while its socket is full.
var buffers = sync.Pool{New: func() any { return new([outBytes]byte) }}

// add puts b behind the ciphertext that waits.
func (t *transport) add(b []byte) {
	if t.out == nil {
		t.out = buffers.Get().(*[outBytes]byte)[:0]
	}
	t.out = append(t.out, b...)
}

// flush gives s what it takes of the ciphertext that waits.
func (t *transport) flush(s Socket) (rest int, err error) {
	if t.out == nil {
		return 0, nil
	}
	n, err := s.Write(t.out[t.sent:])
	t.sent += n
	rest = len(t.out) - t.sent
	switch {
	case rest == 0:
		t.written()
	case rest < cap(t.out)/4:
		few := append([]byte(nil), t.out[t.sent:]...)
		t.written()
		t.out = few
	}
	return rest, err
}

// written gives the buffer back.
func (t *transport) written() {
	if cap(t.out) == outBytes {
		buffers.Put((*[outBytes]byte)(t.out[:outBytes]))
	}
	t.out, t.sent = nil, 0
}
