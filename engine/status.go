package engine

import (
	"errors"
	"fmt"
	"net"

	"github.com/weirws/weir/codec"
)

// StatusCode is the code of a closing frame: RFC 6455, 7.4.
type StatusCode = codec.StatusCode

// The status codes of RFC 6455, 7.4.1, and of IANA's registry. 1005, 1006 and
// 1015 are never sent: they say what happened without a closing frame.
const (
	StatusNormalClosure     StatusCode = 1000
	StatusGoingAway         StatusCode = 1001
	StatusProtocolError     StatusCode = 1002
	StatusUnsupportedData   StatusCode = 1003
	StatusNoStatus          StatusCode = 1005
	StatusAbnormalClosure   StatusCode = 1006
	StatusInvalidPayload    StatusCode = 1007
	StatusPolicyViolation   StatusCode = 1008
	StatusMessageTooBig     StatusCode = 1009
	StatusMandatoryExt      StatusCode = 1010
	StatusInternalError     StatusCode = 1011
	StatusServiceRestart    StatusCode = 1012
	StatusTryAgainLater     StatusCode = 1013
	StatusBadGateway        StatusCode = 1014
	StatusTLSHandshakeError StatusCode = 1015
)

// ErrBacklogFull is returned by a send that found MaxBacklogBytes waiting for
// the socket already. What happens to the message, or to the connection, is
// the business of [Options.Overflow].
var ErrBacklogFull = errors.New("engine: backlog is full")

// ErrTooBig is returned by a send whose control payload exceeds 125 bytes or
// whose close reason exceeds 123: RFC 6455, 5.5.
var ErrTooBig = errors.New("engine: control payload exceeds 125 bytes")

// CloseError says how a connection ended. It is what [Handler.Close] gets, and
// what [errors.As] finds; it unwraps to [net.ErrClosed] and to Err.
type CloseError struct {
	// Code is the code of the first closing frame, 1005 if it had none, and
	// 1006 if the connection ended without any.
	Code StatusCode
	// Reason is the text of that frame.
	Reason string
	// Peer is true if that frame, or the end of the connection, came from the
	// peer.
	Peer bool
	// Clean is true if both sides sent a closing frame: RFC 6455, 7.1.4.
	Clean bool
	// Err is the cause if there is more to say: a read or write error, a
	// timeout, or what was wrong with the peer's frames. It may be nil.
	Err error
}

// Error describes the end in one line.
func (e *CloseError) Error() string {
	who := "closed"
	if e.Peer {
		who = "closed by peer"
	}
	s := fmt.Sprintf("engine: %s with %d", who, e.Code)
	if e.Reason != "" {
		s += fmt.Sprintf(" %q", e.Reason)
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap makes errors.Is(err, net.ErrClosed) true.
func (e *CloseError) Unwrap() []error {
	if e.Err == nil {
		return []error{net.ErrClosed}
	}
	return []error{net.ErrClosed, e.Err}
}

// The causes of a CloseError that are ours.
var (
	// ErrTimeout is the Err of a connection whose peer went silent, did not
	// answer the closing handshake in time, or did not finish an upgrade.
	ErrTimeout error = &timeoutError{}
	// ErrPanic is the Err of a connection of which a callback panicked.
	ErrPanic = errors.New("engine: a callback panicked")
	// ErrServerClosed is returned by Serve and ListenAndServe after Close or
	// Shutdown, and is the Err of a connection that they ended.
	ErrServerClosed = errors.New("engine: server closed")
)

// timeoutError is a net.Error, as callers expect of a deadline.
type timeoutError struct{}

func (*timeoutError) Error() string   { return "engine: timed out" }
func (*timeoutError) Timeout() bool   { return true }
func (*timeoutError) Temporary() bool { return false }

var _ net.Error = (*timeoutError)(nil)
