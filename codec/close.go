package codec

import (
	"encoding/binary"
	"fmt"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// StatusCode says why a connection is closed (RFC 6455, 7.4).
type StatusCode = ws.StatusCode

// The status codes of RFC 6455, 7.4.1, and those registered since.
const (
	StatusNormalClosure           = ws.StatusNormalClosure           // 1000
	StatusGoingAway               = ws.StatusGoingAway               // 1001
	StatusProtocolError           = ws.StatusProtocolError           // 1002
	StatusUnsupportedData         = ws.StatusUnsupportedData         // 1003
	StatusNoStatusRcvd            = ws.StatusNoStatusRcvd            // 1005: the close frame was empty; never on the wire
	StatusAbnormalClosure         = ws.StatusAbnormalClosure         // 1006: no close frame came; never on the wire
	StatusInvalidFramePayloadData = ws.StatusInvalidFramePayloadData // 1007
	StatusPolicyViolation         = ws.StatusPolicyViolation         // 1008
	StatusMessageTooBig           = ws.StatusMessageTooBig           // 1009
	StatusMandatoryExt            = ws.StatusMandatoryExt            // 1010
	StatusInternalServerError     = ws.StatusInternalServerError     // 1011
	StatusServiceRestart          = StatusCode(1012)
	StatusTryAgainLater           = StatusCode(1013)
	StatusBadGateway              = StatusCode(1014)
	StatusTLSHandshake            = ws.StatusTLSHandshake // 1015: never on the wire
)

// MaxReasonBytes is the longest reason of a close frame: a control payload
// without the two bytes of the code (RFC 6455, 5.5.1).
const MaxReasonBytes = MaxControlBytes - 2

// ValidCloseCode reports whether code may stand in a close frame: 1000-1003,
// 1007-1014 and 3000-4999 (RFC 6455, 7.4, and the IANA registry). Any goroutine
// may call it.
func ValidCloseCode(code StatusCode) bool {
	switch {
	case code < 1000:
		return false
	case code <= 1003:
		return true
	case code < 1007:
		return false
	case code <= 1014:
		return true
	}
	return 3000 <= code && code <= 4999
}

// AppendClose appends a close frame to dst and returns it (RFC 6455, 5.5.1).
// The reason is cut between two characters so that it fits MaxReasonBytes, and
// before its first byte that is not UTF-8. StatusNoStatusRcvd stands for a
// frame without code and reason. It panics when code is neither that nor a
// ValidCloseCode. A nil mask is a server's frame. Any goroutine may call it;
// mask is not kept.
func AppendClose(dst []byte, code StatusCode, reason string, mask *[4]byte) []byte {
	if code == StatusNoStatusRcvd {
		return AppendHeader(dst, OpClose, true, false, 0, mask)
	}
	if !ValidCloseCode(code) {
		panic(fmt.Sprintf("codec: AppendClose with code %d", code))
	}
	reason = cutReason(reason)
	dst = AppendHeader(dst, OpClose, true, false, 2+len(reason), mask)
	at := len(dst)
	dst = binary.BigEndian.AppendUint16(dst, uint16(code))
	dst = append(dst, reason...)
	if mask != nil {
		Mask(dst[at:], *mask, 0)
	}
	return dst
}

// cutReason returns the longest beginning of s that is UTF-8, ends between two
// characters and fits a close frame.
func cutReason(s string) string {
	n := 0
	for n < len(s) {
		r, size := utf8.DecodeRuneInString(s[n:])
		if (r == utf8.RuneError && size == 1) || n+size > MaxReasonBytes {
			break
		}
		n += size
	}
	return s[:n]
}

// parseClose reads the unmasked payload of a close frame (RFC 6455, 5.5.1).
func parseClose(p []byte, skipUTF8 bool) (code StatusCode, reason []byte, e *Error) {
	if len(p) == 0 {
		return StatusNoStatusRcvd, nil, nil
	}
	if len(p) == 1 {
		return 0, nil, errCloseLength
	}
	code, reason = StatusCode(binary.BigEndian.Uint16(p)), p[2:]
	if !ValidCloseCode(code) {
		return 0, nil, errCloseCode
	}
	// RFC 6455, 8.1: what is to be read as UTF-8 and is not fails the connection.
	if u := (UTF8{}); !skipUTF8 && !u.Valid(reason, true) {
		return 0, nil, errCloseReason
	}
	return code, reason, nil
}
