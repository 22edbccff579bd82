package codec

import (
	"encoding/binary"
	"fmt"

	"github.com/gobwas/ws"
)

// OpCode is the type of a frame (RFC 6455, 5.2).
type OpCode = ws.OpCode

// The opcodes of RFC 6455, 5.2. All others are reserved.
const (
	OpContinuation = ws.OpContinuation
	OpText         = ws.OpText
	OpBinary       = ws.OpBinary
	OpClose        = ws.OpClose
	OpPing         = ws.OpPing
	OpPong         = ws.OpPong
)

// MaxControlBytes is the largest payload of a ping, a pong or a close frame
// (RFC 6455, 5.5).
const MaxControlBytes = ws.MaxControlFramePayloadSize

// MaxHeaderBytes is the length of the longest frame header: two bytes, a
// 64-bit length and a masking key (RFC 6455, 5.2).
const MaxHeaderBytes = ws.MaxHeaderSize

// The bits of the first two bytes of a frame (RFC 6455, 5.2).
//
//	byte 0: 7 FIN | 6 RSV1 | 5 RSV2 | 4 RSV3 | 3..0 opcode
//	byte 1: 7 MASK | 6..0 length, 126: 16 bits follow, 127: 64 bits follow
const (
	bitFIN    = 0x80
	bitRSV1   = 0x40
	bitsRSV23 = 0x30
	bitsOp    = 0x0f
	bitMask   = 0x80
	bitsLen   = 0x7f
	len16     = 126
	len64     = 127
)

// Header says what AppendFrame writes in front of a payload.
type Header struct {
	Op     OpCode
	Fin    bool    // the last frame of its message; always set on control frames
	RSV1   bool    // the message is compressed (RFC 7692, 6); first frame only
	Masked bool    // set by clients, never by servers (RFC 6455, 5.1)
	Mask   [4]byte // the masking key when Masked; from a strong source (RFC 6455, 5.3)
}

// HeaderLen returns the length of the header that AppendHeader writes for a
// payload of length bytes. Any goroutine may call it.
func HeaderLen(length int, masked bool) int {
	n := 2
	switch {
	case length > 0xffff:
		n += 8
	case length >= len16:
		n += 2
	}
	if masked {
		n += 4
	}
	return n
}

// AppendHeader appends a frame header for a payload of length bytes to dst and
// returns it. The length takes its shortest form, as RFC 6455, 5.2 demands. A
// nil mask is a server's frame; the caller masks the payload itself, with Mask.
// It does not look for frames that the protocol forbids. It panics on a
// negative length. Any goroutine may call it; mask is not kept.
func AppendHeader(dst []byte, op OpCode, fin, rsv1 bool, length int, mask *[4]byte) []byte {
	if length < 0 {
		panic(fmt.Sprintf("codec: AppendHeader with length %d", length))
	}
	b0, b1 := byte(op)&bitsOp, byte(0)
	if fin {
		b0 |= bitFIN
	}
	if rsv1 {
		b0 |= bitRSV1
	}
	if mask != nil {
		b1 = bitMask
	}
	switch {
	case length < len16:
		dst = append(dst, b0, b1|byte(length))
	case length <= 0xffff:
		dst = append(dst, b0, b1|len16, byte(length>>8), byte(length))
	default:
		dst = append(dst, b0, b1|len64)
		dst = binary.BigEndian.AppendUint64(dst, uint64(length))
	}
	if mask != nil {
		dst = append(dst, mask[:]...)
	}
	return dst
}

// AppendFrame appends a whole frame to dst and returns it. It copies payload,
// which must not overlap the free room of dst, and masks the copy when
// h.Masked is set. It does not look for frames that the protocol forbids. Any
// goroutine may call it.
func AppendFrame(dst []byte, h Header, payload []byte) []byte {
	if !h.Masked {
		dst = AppendHeader(dst, h.Op, h.Fin, h.RSV1, len(payload), nil)
		return append(dst, payload...)
	}
	dst = AppendHeader(dst, h.Op, h.Fin, h.RSV1, len(payload), &h.Mask)
	at := len(dst)
	dst = append(dst, payload...)
	Mask(dst[at:], h.Mask, 0)
	return dst
}
