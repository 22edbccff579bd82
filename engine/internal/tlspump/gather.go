package tlspump

import "sync"

// gather puts small slices together to records.
type gather struct {
	room *[recordBytes]byte
	n    int
}

var rooms = sync.Pool{New: func() any { return new([recordBytes]byte) }}

// next takes from b and returns what is to be encrypted: a part of b itself, if
// it is large and nothing waits before it, or what was gathered, when there is
// no room for more. Nil: go on. What it returns is valid until the next call.
func (g *gather) next(b []byte, last bool) (part []byte, used int) {
	if g.n == 0 && (last || len(b) >= recordBytes) {
		used = min(len(b), chunkBytes)
		return b[:used], used
	}
	if g.room == nil {
		g.room = rooms.Get().(*[recordBytes]byte)
	}
	used = copy(g.room[g.n:], b)
	g.n += used
	if g.n < recordBytes {
		return nil, used
	}
	return g.rest(), used
}

// rest returns what was gathered; nil if nothing was.
func (g *gather) rest() []byte {
	if g.n == 0 {
		return nil
	}
	part := g.room[:g.n]
	g.n = 0
	return part
}

func (g *gather) drop() {
	if g.room != nil {
		rooms.Put(g.room)
	}
}
