package bench

import "encoding/binary"

// rng is splitmix64: cheap, seeded, the same on every run. Content and masks of a
// load need variety, not secrecy.
type rng uint64

// next returns the following 64 random bits.
func (r *rng) next() uint64 {
	*r += 0x9e3779b97f4a7c15
	z := uint64(*r)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// fill overwrites b with random bytes.
func (r *rng) fill(b []byte) {
	for len(b) >= 8 {
		binary.LittleEndian.PutUint64(b, r.next())
		b = b[8:]
	}
	if len(b) > 0 {
		var last [8]byte
		binary.LittleEndian.PutUint64(last[:], r.next())
		copy(b, last[:])
	}
}

// fillText overwrites b with random printable ASCII.
func (r *rng) fillText(b []byte) {
	r.fill(b)
	for i, c := range b {
		b[i] = ' ' + c%95
	}
}

// mask draws a masking key without a zero byte, so that each byte of a payload
// has to be unmasked.
func (r *rng) mask() (key [4]byte) {
	for i := range key {
		key[i] = byte(1 + r.next()%255)
	}
	return key
}
