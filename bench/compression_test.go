package bench

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/weirws/weir/engine"
)

// compressing runs an echoing server of ours with a class of compression and returns its URL.
func compressing(t *testing.T, class engine.Compression) string {
	t.Helper()
	srv, err := engine.New(engine.Handler{Message: func(c *engine.Conn, m engine.Message) { c.Send(m.Kind, m.Data) }},
		&engine.Options{Compression: class, Inline: true, Loops: 1})
	if err != nil {
		t.Fatal(err)
	}
	ln, err := srv.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func(ln net.Listener) { served <- srv.Serve(ln) }(ln) // ends on Close
	t.Cleanup(func() { srv.Close(); <-served })
	return "ws://" + ln.Addr().String() + "/"
}

// TestEchoCompressed has every message compressed both ways, with contexts and without, on both drivers.
func TestEchoCompressed(t *testing.T) {
	for _, portable := range []bool{false, true} {
		for how, class := range map[Compression]engine.Compression{CompressedAlone: engine.CompressionShared, CompressedChained: engine.Compression4K} {
			r, err := Echo(context.Background(), EchoOptions{
				Target: Target{URL: compressing(t, class), Compression: how, Portable: portable},
				Load:   Load{Size: 1000, Warmup: -1}, Conns: 5, InFlight: 3, Messages: 500,
			})
			if err != nil || r.Count < 500 {
				t.Errorf("%s, portable %t: %v, %v", how, portable, r, err)
			}
		}
	}
}

// TestCompressionDeclined wants no figures of a server that does not compress.
func TestCompressionDeclined(t *testing.T) {
	_, err := Echo(context.Background(), EchoOptions{
		Target: Target{URL: compressing(t, engine.CompressionOff), Compression: CompressedAlone},
		Load:   Load{Duration: time.Minute}, Conns: 1,
	})
	if err == nil {
		t.Error("a server that declined was measured")
	}
	for _, f := range []struct {
		c      Compression
		answer string
		ok     bool
	}{
		{Uncompressed, "", true},
		{Uncompressed, "permessage-deflate", false},
		{CompressedAlone, "permessage-deflate", false},
		{CompressedAlone, "permessage-deflate; server_no_context_takeover", true},
		{CompressedChained, "permessage-deflate", true},
		{CompressedChained, "", false},
	} {
		if err := f.c.checkAnswer(f.answer); (err == nil) != f.ok {
			t.Errorf("%q answered with %q: %v", f.c, f.answer, err)
		}
	}
}

// TestPackedMismatch has a compressed message with another content found out.
func TestPackedMismatch(t *testing.T) {
	f, err := newPackedFrames(200, true, 1)
	if err != nil {
		t.Fatal(err)
	}
	other, err := newPackedFrames(200, true, 2)
	if err != nil {
		t.Fatal(err)
	}
	in := inbound{frames: f}
	unmasked := func(f *frames, slot int) []byte {
		b := append([]byte(nil), f.out[slot*f.outLen:(slot+1)*f.outLen]...)
		head := headerLen(b[1])
		for i := range b[head:] {
			b[head+i] ^= b[head-4+i&3]
		}
		return b[head:]
	}
	for slot := range 3 {
		in.slot = slot
		if err := in.unpacked(unmasked(f, slot)); err != nil {
			t.Errorf("slot %d: %v", slot, err)
		}
		if err := in.unpacked(unmasked(other, slot)); err == nil {
			t.Errorf("slot %d: another message passed for it", slot)
		}
	}
}

// A compressed message is read no further than it can be right.
func TestPackedEndless(t *testing.T) {
	f, err := newPackedFrames(100, true, 1)
	if err != nil {
		t.Fatal(err)
	}
	in := inbound{frames: f}
	b := append([]byte{bitRSV1 | opText, 126, 0xff, 0xff}, make([]byte, 0xffff)...)
	var wrong *MismatchError
	if _, err := in.feed(b, nil); !errors.As(err, &wrong) || len(in.raw) > f.maxPacked() {
		t.Errorf("got %v and kept %d bytes, want a mismatch and at most %d", err, len(in.raw), f.maxPacked())
	}
}
