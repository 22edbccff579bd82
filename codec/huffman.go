package codec

import "math/bits"

// What RFC 1951, 3.2.5 to 3.2.7, has of codes.
const (
	maxLitLens = 286
	maxDists   = 30
	maxCodes   = maxLitLens + maxDists
	maxCodeLen = 15
	litLenRoot = 10 // bits that are looked up at once: most codes of a short message are no longer
	distRoot   = 8
)

// The parts of an entry of a table. 0 stands for bits that are no code.
//
//	bits 0-3    length of the code
//	bits 4-7    bits that follow the code; of an entrySub, bits that its table is looked up with
//	bit  8      entryLit: base is a byte
//	bit  9      entryEnd: the end of the block
//	bit  10     entrySub: the code is longer, base is where its table begins
//	bits 12-31  base: what the bits that follow are added to
const (
	entryLen   = 15
	entryExtra = 4
	entryLit   = 1 << 8
	entryEnd   = 1 << 9
	entrySub   = 1 << 10
	entryBase  = 12
)

// codes are a Huffman code, as a table to look up the next bits in: as many as
// root says, and those of longer codes in tables of their own behind it.
type codes struct {
	table []uint32
	root  int
}

// litLenEntry is the entry of a literal or length, without the length of its code.
func litLenEntry(symbol int) uint32 {
	switch {
	case symbol < 256:
		return uint32(symbol)<<entryBase | entryLit
	case symbol == 256:
		return entryEnd
	case symbol < 265:
		return uint32(symbol-257+3) << entryBase
	case symbol < 285:
		extra := uint32(symbol-261) / 4
		return (uint32(4+(symbol-265)%4)<<extra+3)<<entryBase | extra<<entryExtra
	case symbol == 285:
		return 258 << entryBase
	}
	return 0 // RFC 1951, 3.2.6: 286 and 287 never occur
}

// distEntry is the entry of a distance.
func distEntry(symbol int) uint32 {
	switch {
	case symbol < 4:
		return uint32(symbol+1) << entryBase
	case symbol < maxDists:
		extra := uint32(symbol-2) / 2
		return (uint32(2+symbol%2)<<extra+1)<<entryBase | extra<<entryExtra
	}
	return 0
}

// lengthEntry is the entry of the length of a code: RFC 1951, 3.2.7.
func lengthEntry(symbol int) uint32 { return uint32(symbol)<<entryBase | entryLit }

// make fills in the table of the code whose symbols have codes of those lengths,
// 0 for none: RFC 1951, 3.2.2. It is false if there is no such code, or one with
// room for more, which only one of a single symbol may have.
func (c *codes) make(lens []uint8, root int, entry func(int) uint32) bool {
	var count [maxCodeLen + 1]int
	for _, n := range lens {
		count[n]++
	}
	count[0] = 0
	longest := maxCodeLen
	for longest > 0 && count[longest] == 0 {
		longest--
	}
	var first [maxCodeLen + 2]int // of the symbols of each length, when they are sorted by it
	code := 0
	for n := 1; n <= longest; n++ {
		code = code<<1 + count[n]
		first[n+1] = first[n] + count[n]
	}
	if code != 1<<longest && !(code == 1 && longest == 1) && longest > 0 {
		return false
	}
	var sorted [288]uint16
	place := first
	for symbol, n := range lens {
		if n != 0 {
			sorted[place[n]] = uint16(symbol)
			place[n]++
		}
	}
	c.root = min(root, max(longest, 1))
	size := 1 << c.root
	if cap(c.table) < size {
		c.table = make([]uint32, size, 1<<litLenRoot+1<<9)
	}
	c.table = c.table[:size]
	if longest <= 1 {
		clear(c.table) // what is no code stays 0
	}
	code = 0
	for n := 1; n <= longest; n++ {
		if n > 1 && n <= c.root { // each entry so far is that of two longer strings of bits
			half := 1 << (n - 1)
			copy(c.table[half:2*half], c.table[:half])
		}
		code <<= 1
		for _, symbol := range sorted[first[n]:first[n+1]] {
			at := int(bits.Reverse16(uint16(code)) >> (16 - n))
			code++
			e := entry(int(symbol))
			if e != 0 { // of the fixed codes some symbols stand for nothing
				e |= uint32(n)
			}
			if n <= c.root {
				c.table[at] = e
			} else {
				c.long(at, n, longest, e)
			}
		}
	}
	return true
}

// long enters a code of n bits that is longer than the root. The codes that begin
// like it come one after the other.
func (c *codes) long(at, n, longest int, e uint32) {
	sub := longest - c.root
	head := at & (1<<c.root - 1)
	last := len(c.table) - 1<<sub
	if last < 1<<c.root || c.table[head] != subEntry(last, sub) {
		last = len(c.table)
		c.table[head] = subEntry(last, sub)
		for range 1 << sub {
			c.table = append(c.table, 0)
		}
	}
	table := c.table[last:]
	for i := at >> c.root; i < len(table); i += 1 << (n - c.root) {
		table[i] = e
	}
}

// subEntry is the entry of codes that are in a table of their own, at a place.
func subEntry(at, bits int) uint32 {
	return uint32(at)<<entryBase | uint32(bits)<<entryExtra | entrySub
}

// makeFixed makes the codes of RFC 1951, 3.2.6.
func (x *Inflater) makeFixed() {
	var lens [288]uint8
	for i := range lens {
		switch {
		case i < 144, i >= 280:
			lens[i] = 8
		case i < 256:
			lens[i] = 9
		default:
			lens[i] = 7
		}
	}
	x.fixedLitLen.table = make([]uint32, 1<<9)
	x.fixedLitLen.make(lens[:], 9, litLenEntry)
	for i := range lens[:32] {
		lens[i] = 5
	}
	x.fixedDist.table = make([]uint32, 1<<5)
	x.fixedDist.make(lens[:32], 5, distEntry)
}

// lengthOrder is the order in which the lengths of the code for lengths stand:
// RFC 1951, 3.2.7.
var lengthOrder = [...]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// readCodes reads the codes of a dynamic block: RFC 1951, 3.2.7.
func (x *Inflater) readCodes() *Error {
	head, ok := x.in.take(14)
	litLens, dists, lengths := head&31+257, head>>5&31+1, head>>10+4
	if !ok || litLens > maxLitLens || dists > maxDists {
		return errInflate
	}
	var lens [19]uint8
	for _, symbol := range lengthOrder[:lengths] {
		n, ok := x.in.take(3)
		if !ok {
			return errInflate
		}
		lens[symbol] = uint8(n)
	}
	// The code for lengths is needed here only; the table of distances is not yet.
	if !x.dist.make(lens[:], 7, lengthEntry) || !x.readLengths(x.lens[:litLens+dists]) {
		return errInflate
	}
	if !x.litLen.make(x.lens[:litLens], litLenRoot, litLenEntry) || !x.dist.make(x.lens[litLens:litLens+dists], distRoot, distEntry) {
		return errInflate
	}
	return nil
}

// readLengths reads the lengths of codes.
func (x *Inflater) readLengths(lens []uint8) bool {
	for i := 0; i < len(lens); {
		// 14 bits are the most that a code and what follows have; at the end there
		// may be fewer.
		r := &x.in
		for r.bits < 14 && r.pos < len(r.b) {
			r.acc |= uint64(r.b[r.pos]) << (r.bits & 63)
			r.pos++
			r.bits += 8
		}
		e := x.dist.table[r.acc&(1<<x.dist.root-1)]
		if r.bits -= int(e & entryLen); r.bits < 0 || e == 0 {
			return false
		}
		r.acc >>= e & entryLen
		symbol := e >> entryBase
		if symbol < 16 {
			lens[i] = uint8(symbol)
			i++
			continue
		}
		var value uint8
		extra, n := 3, 3
		switch symbol {
		case 16:
			if i == 0 {
				return false
			}
			value, extra = lens[i-1], 2
		case 18:
			extra, n = 7, 11
		}
		more, ok := r.take(extra)
		if n += more; !ok || n > len(lens)-i {
			return false
		}
		for range n {
			lens[i] = value
			i++
		}
	}
	return true
}
