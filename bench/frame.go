package bench

import "encoding/binary"

// The opcodes of RFC 6455, 5.2.
const (
	opContinuation = 0x0
	opText         = 0x1
	opBinary       = 0x2
	opClose        = 0x8
	opPing         = 0x9
	opPong         = 0xa
)

// Bits of the first two bytes of a frame.
const (
	bitFin  = 0x80
	bitsRSV = 0x70
	bitRSV1 = 0x40
	bitsOp  = 0x0f
	bitMask = 0x80
	bitsLen = 0x7f
)

// appendHeader appends the header of an unfragmented frame with the shortest form
// of the length; key is nil for a frame of a server.
func appendHeader(dst []byte, op byte, length int, key *[4]byte) []byte {
	var masked byte
	if key != nil {
		masked = bitMask
	}
	switch {
	case length < 126:
		dst = append(dst, bitFin|op, masked|byte(length))
	case length <= 0xffff:
		dst = append(dst, bitFin|op, masked|126)
		dst = binary.BigEndian.AppendUint16(dst, uint16(length))
	default:
		dst = append(dst, bitFin|op, masked|127)
		dst = binary.BigEndian.AppendUint64(dst, uint64(length))
	}
	if key != nil {
		dst = append(dst, key[:]...)
	}
	return dst
}

// appendMasked appends a whole frame of a client.
func appendMasked(dst []byte, op byte, payload []byte, key [4]byte) []byte {
	dst = appendHeader(dst, op, len(payload), &key)
	at := len(dst)
	dst = append(dst, payload...)
	for i := range payload {
		dst[at+i] ^= key[i&3]
	}
	return dst
}

// headerLen returns how many bytes the header has whose second byte is b1.
func headerLen(b1 byte) int {
	n := 2
	switch b1 & bitsLen {
	case 126:
		n += 2
	case 127:
		n += 8
	}
	if b1&bitMask != 0 {
		n += 4
	}
	return n
}
