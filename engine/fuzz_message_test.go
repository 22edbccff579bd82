package engine

import (
	"bytes"
	"compress/flate"
	"net"
	"testing"
	"unicode/utf8"
)

// script is messages made of a fuzzer's input, as a client sends them, and what must become of them.
type script struct {
	tape []byte
	sent []byte
	want outcome
}

func (s *script) next() (v byte) {
	if len(s.tape) > 0 {
		v, s.tape = s.tape[0], s.tape[1:]
	}
	return v
}

// take returns some of the input.
func (s *script) take(n int) []byte {
	n = min(n, len(s.tape))
	b := s.tape[:n]
	s.tape = s.tape[n:]
	return b
}

// message adds a message: some bytes, repeated, compressed or not, in some fragments.
func (s *script) message() {
	mode := s.next()
	payload := bytes.Repeat(s.take(int(s.next())), 1+int(mode>>3)*int(mode>>3))
	op := byte(opText)
	if mode&1 != 0 || len(payload) > fuzzMessageBytes { // a text may be wrong in two ways
		op = opBinary
	}
	wire, rsv := payload, byte(0)
	if mode&2 != 0 {
		wire, rsv = deflated9(payload), 0x40
	}
	switch {
	case len(payload) > fuzzMessageBytes:
		s.want.code, s.want.violates = 1009, true
	case op == opText && !utf8.Valid(payload):
		s.want.code, s.want.violates = 1007, true
	default:
		s.want.messages = append(s.want.messages, append([]byte{op}, payload...))
	}
	first := op | rsv
	if mode&4 != 0 {
		for range min(int(s.next()), fuzzFragments-1) {
			n := min(int(s.next()), len(wire))
			s.sent = append(s.sent, maskedFrame(first, wire[:n])...)
			wire, first = wire[n:], 0
			if s.next()&1 != 0 {
				s.sent = append(s.sent, maskedFrame(0x80|opPonged, []byte("between"))...)
			}
		}
	}
	s.sent = append(s.sent, maskedFrame(0x80|first, wire)...)
}

// deflated9 compresses as RFC 7692, 7.2.1 says, with Go's own package.
func deflated9(b []byte) []byte {
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, flate.BestCompression)
	if err != nil {
		panic(err)
	}
	w.Write(b)
	w.Flush()
	return bytes.TrimSuffix(out.Bytes(), []byte{0, 0, 0xff, 0xff})
}

// FuzzMessage sends messages that are compressed or not, in fragments or not, too long or no UTF-8, to a server that
// decompresses. Property: those that are right are delivered as they were, and the first that is wrong ends the
// connection with its code; the rest is that of FuzzServer.
func FuzzMessage(f *testing.F) {
	servers := [2]*fuzzed{fuzzServer(f, false, Compression32K), fuzzServer(f, true, CompressionShared)}
	f.Add([]byte("\x00\x05hello\x02\x05hello\x06\x0bhello again\x03\x02\x00\x04\x01\x01"), byte(0))
	f.Add([]byte("\xfa\x20abcdefghijklmnopqrstuvwxyz0123456789\x02\x03\xff\xfe\xfd"), byte(1))
	f.Add([]byte("\x9e\x10\xe2\x82\xac0123456789abc\x05\x01\x01\x01\x00\x02\x01\x07\x00"), byte(0x31))
	f.Fuzz(func(t *testing.T, input []byte, mode byte) {
		if len(input) > 4096 {
			t.Skip("longer than anything of interest")
		}
		s := &script{tape: input}
		for len(s.tape) > 0 && s.want.code == 0 {
			s.message()
		}
		if s.want.code == 0 {
			s.sent = append(s.sent, maskedFrame(0x80|opClosed, closePayload(1000, ""))...)
			s.want.code = 1000
		}
		z := servers[mode&1]
		z.serve(t, func(nc net.Conn) {
			z.exchange(t, nc, ask("/", "Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover"), s.want, s.sent, mode>>4)
		})
	})
}
