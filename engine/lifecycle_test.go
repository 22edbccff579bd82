package engine

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// noise is where blobs are cut from.
var noise = func() []byte {
	b := make([]byte, 1<<20+1<<10)
	rand.NewChaCha8([32]byte{}).Read(b)
	return b
}()

// blob returns n bytes, others for every n. They are read only.
func blob(n int) []byte {
	at := n % (1 << 10)
	return noise[at : at+n : at+n]
}

// echoSizes are the lengths at which frames, buffers and queues change their ways.
var echoSizes = []int{0, 1, 125, 126, 127, 4095, 4096, 8191, 8192, 8193, 65535, 65536}

// echoFrames are the frames of those messages, made once.
var echoFrames = func() (all [][]byte) {
	for _, n := range echoSizes {
		all = append(all, maskedFrame(0x80|opBinary, blob(n)))
	}
	return all
}()

func TestEcho(t *testing.T) {
	eachRig(t, func(t *testing.T, r rig) {
		h, ended := ends(echo)
		s := r.serve(t, h, nil)
		p := s.open()
		for i, n := range echoSizes {
			go p.write(echoFrames[i])
			p.want(opBinary, blob(n))
		}
		p.sendText("grüße")
		p.wantText("grüße")
		p.closing()
		e := within(t, "Close", ended)
		if want := (CloseError{Code: 1000, Peer: true, Clean: true}); *e != want {
			t.Errorf("got %+v, want %+v", *e, want)
		}
		s.idle()
	})
}

// A message as large as the limit, which is more than the sockets hold.
func TestEchoLarge(t *testing.T) {
	big := maskedFrame(0x80|opBinary, blob(1<<20))
	for _, r := range []rig{{loops: 1, door: listened}, {loops: 1, door: listened, inline: true}, {loops: 1, door: attached, streams: true}} {
		t.Run(r.String(), func(t *testing.T) {
			s := r.serve(t, echo, nil)
			p := s.open()
			for range 3 {
				go p.write(big)
				p.want(opBinary, blob(1<<20))
			}
			p.closing()
		})
	}
}

// Fragments, empty ones among them, with control frames between, make one message.
func TestFragments(t *testing.T) {
	eachRig(t, func(t *testing.T, r rig) {
		s := r.serve(t, echo, nil)
		p := s.open()
		b := blob(100_000)
		go func() {
			p.write(maskedFrame(opBinary, b[:1]))
			p.write(maskedFrame(opCont, nil))
			p.write(maskedFrame(opCont, b[1:50_000]))
			p.send(opPinged, []byte("between"))
			p.write(maskedFrame(opCont, b[50_000:50_001]))
			p.write(maskedFrame(opCont, b[50_001:]))
			p.send(opPonged, []byte("unasked"))
			p.send(opCont, nil)
		}()
		p.want(opPonged, []byte("between"))
		p.want(opBinary, b)
		p.closing()
	})
}

// Bytes that come with the request are the first frames.
func TestEarlyBytes(t *testing.T) {
	eachRig(t, func(t *testing.T, r rig) {
		s := r.serve(t, echo, nil)
		for _, n := range []int{1, 3000, 70_000} {
			p := s.dial()
			b := blob(n)
			all := append([]byte(ask("/")), maskedFrame(0x80|opPinged, []byte("first"))...)
			all = append(all, maskedFrame(0x80|opBinary, b)...)
			go p.write(all)
			p.accepted()
			p.want(opPonged, []byte("first"))
			p.want(opBinary, b)
			p.closing()
		}
	})
}

func TestManyConns(t *testing.T) {
	for _, r := range []rig{
		{loops: 4, door: listened}, {loops: 4, door: listened, inline: true}, {loops: 2, door: attached}, {loops: 2, door: listened, streams: true},
	} {
		t.Run(r.String(), func(t *testing.T) {
			s := r.serve(t, echo, nil)
			peers := make([]*peer, 200)
			for i := range peers {
				peers[i] = s.open()
			}
			for range 3 {
				for i, p := range peers {
					p.send(opBinary, []byte{byte(i), byte(i >> 8)})
				}
				for i, p := range peers {
					p.want(opBinary, []byte{byte(i), byte(i >> 8)})
				}
			}
			n := 0
			seen := map[uint64]bool{}
			for c := range s.Conns() {
				n++
				seen[c.ID()] = true
			}
			if n != 200 || len(seen) != 200 {
				t.Errorf("Conns yields %d, %d different ones", n, len(seen))
			}
			for _, p := range peers {
				p.closing()
			}
			s.idle()
		})
	}
}

// What one connection receives is handled in the order of arrival.
func TestOrder(t *testing.T) {
	eachMode(t, func(t *testing.T, r rig) {
		var got []int
		done := make(chan []int, 1)
		const n = 5000
		s := r.serve(t, Handler{Message: func(c *Conn, m Message) {
			got = append(got, int(m.Data[0])|int(m.Data[1])<<8)
			if len(got) == n {
				done <- got
			}
		}}, nil)
		p := s.open()
		var all []byte
		for i := range n {
			all = append(all, maskedFrame(0x80|opBinary, []byte{byte(i), byte(i >> 8)})...)
		}
		p.write(all)
		for i, v := range within(t, "all messages", done) {
			if v != i {
				t.Fatalf("message %d is %d", i, v)
			}
		}
	})
}

// One request and its frames, cut at every byte.
func TestCutAnywhere(t *testing.T) {
	var all []byte
	all = append(all, ask("/")...)
	all = append(all, maskedFrame(opText, []byte("hel"))...)
	all = append(all, maskedFrame(0x80|opPinged, []byte("p"))...)
	all = append(all, maskedFrame(0x80|opCont, []byte("lo"))...)
	all = append(all, maskedFrame(0x80|opBinary, bytes.Repeat([]byte("x"), 130))...)
	all = append(all, maskedFrame(0x80|opClosed, closePayload(4000, "bye"))...)
	check := func(p *peer) {
		p.accepted()
		p.want(opPonged, []byte("p"))
		p.wantText("hello")
		p.want(opBinary, bytes.Repeat([]byte("x"), 130))
		if reason := p.wantClose(4000); reason != "bye" {
			p.t.Errorf("got reason %q", reason)
		}
		p.gone()
	}
	for _, r := range []rig{{loops: 1, door: listened}, {loops: 1, door: listened, inline: true, streams: true}} {
		t.Run(r.String(), func(t *testing.T) {
			s := r.serve(t, echo, nil)
			for i := 1; i < len(all); i++ {
				p := s.dial()
				p.write(all[:i])
				p.write(all[i:])
				check(p)
			}
			p := s.dial()
			for i := range all {
				p.write(all[i : i+1])
			}
			check(p)
		})
	}
}
