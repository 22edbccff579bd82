package engine

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
)

// zipper is permessage-deflate as a peer has it: RFC 7692, on the standard library, with a context both ways and windows
// of 32 KiB. It shares nothing with the engine.
type zipper struct {
	offer string
	alone bool // what it sends refers to nothing before

	out bytes.Buffer
	w   *flate.Writer
	in  []byte // the last 32 KiB that came

	packed, plain int // messages that came
	least         int // bytes of the shortest that came compressed
}

func newZipper(offer string) *zipper {
	z := &zipper{offer: offer}
	z.w, _ = flate.NewWriter(&z.out, 6) // the level is one
	return z
}

// deflate compresses a message.
func (z *zipper) deflate(b []byte) []byte {
	z.out.Reset()
	if z.alone {
		z.w.Reset(&z.out)
	}
	_, _ = z.w.Write(b) // to memory
	_ = z.w.Flush()
	return bytes.Clone(z.out.Bytes()[:z.out.Len()-4])
}

// unpack decompresses the message in f, if it is one.
func (z *zipper) unpack(f *wireFrame) error {
	if f.op != opText && f.op != opBinary {
		return nil
	}
	if f.rsv == 0 {
		z.plain++
		return nil
	}
	if f.rsv != 4 || !f.fin {
		return fmt.Errorf("reserved bits %b", f.rsv)
	}
	if z.packed++; z.packed == 1 || len(f.payload) < z.least {
		z.least = len(f.payload)
	}
	r := flate.NewReaderDict(io.MultiReader(bytes.NewReader(f.payload), bytes.NewReader([]byte("\x00\x00\xff\xff\x01\x00\x00\xff\xff"))), z.in)
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if len(b) <= len(f.payload) {
		return fmt.Errorf("%d bytes compressed to %d", len(b), len(f.payload))
	}
	z.in = append(z.in, b...)
	z.in = z.in[max(0, len(z.in)-1<<15):]
	f.payload, f.rsv = b, 0
	return nil
}
