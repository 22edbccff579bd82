package engine

import (
	"net"
	"testing"

	"golang.org/x/sys/unix"
)

// An urgent byte stays where it is in the stream: the frame after it is not shifted.
func TestHostile82UrgentByte(t *testing.T) {
	for _, d := range []door{listened, attached} {
		r := rig{loops: 1, door: d}
		s := r.serve(t, echo, nil)
		p := s.open()
		p.sendText("before")
		p.wantText("before")
		// The frame's first byte is sent as urgent: it arrives as any other.
		frame := text("urgent")
		raw, err := p.nc.(*net.TCPConn).SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		if err := raw.Control(func(fd uintptr) { err = unix.Sendto(int(fd), frame[:1], unix.MSG_OOB, nil) }); err != nil {
			t.Fatal(err)
		}
		if err != nil {
			t.Fatal(err)
		}
		p.write(frame[1:])
		f, err := p.next()
		switch {
		case err != nil:
			t.Errorf("%s: %v", d, err)
		case f.op == opText && string(f.payload) == "urgent":
		case f.op == opClosed && string(f.payload[:2]) == string(closePayload(1002, "")): // the byte was taken out
		default:
			t.Errorf("%s: got %v", d, f)
		}
	}
}
