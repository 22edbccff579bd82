package bench

import "fmt"

// MismatchError says that a server sent something other than what it owed.
type MismatchError struct {
	Message int64  // messages of this connection that were right before
	Offset  int    // the byte of the payload at fault; -1: the message as a whole is
	Got     byte   // what came, when Offset is not -1
	Want    byte   // what was owed, when Offset is not -1
	Reason  string // what is wrong, when Offset is -1
}

// Error names the message and the byte.
func (e *MismatchError) Error() string {
	if e.Offset < 0 {
		return fmt.Sprintf("message %d: %s", e.Message, e.Reason)
	}
	return fmt.Sprintf("message %d: byte %d is 0x%02x, want 0x%02x", e.Message, e.Offset, e.Got, e.Want)
}

// ProtocolError says that a server broke RFC 6455.
type ProtocolError struct {
	Reason string // what it did
}

// Error says what the server did.
func (e *ProtocolError) Error() string { return "protocol error: " + e.Reason }

// RefusedError says that a server did not answer the handshake with 101.
type RefusedError struct {
	Status string // the status line without the protocol: "403 Forbidden"
}

// Error shows the status.
func (e *RefusedError) Error() string { return "the server refused the handshake: " + e.Status }

// ClosedError says that a server ended a connection that the scenario still needs.
type ClosedError struct {
	Code   int    // of the close frame; 1005: the frame was empty; 1006: there was none
	Reason string // of the close frame
}

// Error shows code and reason.
func (e *ClosedError) Error() string {
	if e.Code == closeAbnormal {
		return "the server closed the connection without a close frame"
	}
	return fmt.Sprintf("the server closed the connection: %d %q", e.Code, e.Reason)
}

// Close codes that say what a frame did not (RFC 6455, 7.4.1).
const (
	closeNormal   = 1000
	closeNoStatus = 1005
	closeAbnormal = 1006
)
