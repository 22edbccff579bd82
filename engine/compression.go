package engine

import (
	"fmt"

	"github.com/weirws/weir/codec"
)

// Compression is a class of permessage-deflate, RFC 7692: what a connection
// keeps between messages, so that the next one may refer to the last ones and
// gets shorter. Both directions are of the same class, as far as the peer
// agrees. A peer that does not agree at all gets and sends messages as they
// are.
//
// What a connection holds for it, at most, in each direction that is used:
//
//	CompressionOff     nothing
//	CompressionShared  nothing
//	Compression1K       1 KiB and a header
//	Compression4K       4 KiB and a header
//	Compression8K       8 KiB and a header
//	Compression16K     16 KiB and a header
//	Compression32K     32 KiB and a header
//
// where the header is below 1 KiB. Windows are counted against
// [Options.MemoryBudget]. That of what we send is given back when the connection
// has sent nothing compressed for a minute, and when memory is short; that of
// what the peer sends is not ours to forget. What compresses, about 1 MB each, belongs
// to no connection: there are as many as there are cores, or loops if that is
// more. A window costs processor time besides memory, since the compressor has
// to read it before each message: see docs/performance.md.
type Compression uint8

// The classes of Compression.
const (
	// CompressionOff: the extension is neither offered nor accepted.
	CompressionOff Compression = iota
	// CompressionShared: each message is compressed by itself.
	CompressionShared
	// Compression1K to Compression32K: messages refer back so many bytes.
	Compression1K
	Compression4K
	Compression8K
	Compression16K
	Compression32K
)

// compressions have the name of each class, and its window as a power of two.
var compressions = [...]struct {
	name string
	bits int
}{
	{"off", 0},
	{"shared", codec.MaxWindowBits},
	{"1k", 10},
	{"4k", 12},
	{"8k", 13},
	{"16k", 14},
	{"32k", 15},
}

// String returns the name of k, which ParseCompression reads.
func (k Compression) String() string {
	if int(k) < len(compressions) {
		return compressions[k].name
	}
	return fmt.Sprintf("Compression(%d)", uint8(k))
}

// ParseCompression reads the name of a class: off, shared, 1k, 4k, 8k, 16k or
// 32k. The error names them. Any goroutine may call it.
func ParseCompression(name string) (Compression, error) {
	for k, known := range compressions {
		if known.name == name {
			return Compression(k), nil
		}
	}
	return 0, fmt.Errorf("engine: compression %q is none of off, shared, 1k, 4k, 8k, 16k, 32k", name)
}

// dedicated reports whether connections of the class have windows.
func (k Compression) dedicated() bool { return k > CompressionShared }

// Compress says whether one message is compressed, where the opening handshake
// agreed on it. A message that does not get shorter is sent as it is, whatever
// was said.
type Compress uint8

// The zero Compress is CompressAuto.
const (
	// CompressAuto: if it is at least [Options.CompressionThreshold] long.
	CompressAuto Compress = iota
	// CompressAlways: however short it is.
	CompressAlways
	// CompressNever: not at all: for what is compressed already, or is secret
	// and stands beside what a stranger may choose.
	CompressNever
)

// wants reports whether a message of n bytes is to be compressed. Near GOMEMLIMIT
// none is that need not be.
func (o Compress) wants(n int, co *core) bool {
	switch o {
	case CompressAuto:
		return n >= co.CompressionThreshold && !co.budget.pressed.Load()
	case CompressAlways:
		return n > 0
	}
	return false
}
