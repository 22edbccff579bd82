package codec

import "strconv"

// Error is what a peer did against the protocol or a limit. Code is what the
// close frame says to it. The values are shared: compare them or read them, do
// not change them.
type Error struct {
	Code StatusCode
	Text string // a phrase for logs and for the reason of the close frame; ASCII, short enough for both
}

// Error returns the text and the code. Any goroutine may call it.
func (e *Error) Error() string {
	return "codec: " + e.Text + " (" + strconv.Itoa(int(e.Code)) + ")"
}

// All that a Decoder can find. None is made while decoding: a flood of bad
// frames costs no memory.
var (
	errOpCode       = &Error{StatusProtocolError, "reserved opcode"}
	errRSV          = &Error{StatusProtocolError, "reserved bit set"}
	errUnmasked     = &Error{StatusProtocolError, "frame of a client is not masked"}
	errMasked       = &Error{StatusProtocolError, "frame of a server is masked"}
	errControlSize  = &Error{StatusProtocolError, "control frame over 125 bytes"}
	errControlFin   = &Error{StatusProtocolError, "fragmented control frame"}
	errContinuation = &Error{StatusProtocolError, "continuation without a message"}
	errInterleaved  = &Error{StatusProtocolError, "new message inside a fragmented one"}
	errLengthMSB    = &Error{StatusProtocolError, "length with the highest bit set"}
	errLengthForm   = &Error{StatusProtocolError, "length not in its shortest form"}
	errCloseLength  = &Error{StatusProtocolError, "close frame of one byte"}
	errCloseCode    = &Error{StatusProtocolError, "close code not allowed"}
	errCloseReason  = &Error{StatusInvalidFramePayloadData, "close reason is not UTF-8"}
	errText         = &Error{StatusInvalidFramePayloadData, "text is not UTF-8"}
	errFragments    = &Error{StatusPolicyViolation, "too many fragments"}
	errTooBig       = &Error{StatusMessageTooBig, "message too big"}
)
