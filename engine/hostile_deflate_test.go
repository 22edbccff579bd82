package engine

import (
	"bytes"
	"compress/flate"
	"encoding/hex"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/weirws/weir/codec"
)

const offerDeflate = "permessage-deflate; client_max_window_bits"

// zipped opens a connection that compresses. The peer sends frames by hand; what it gets is decompressed.
func (s *running) zipped(offer string) *peer {
	s.t.Helper()
	p := s.dial()
	p.zip = newZipper(offer)
	p.shake("/")
	return p
}

// packed returns b compressed by itself, as a message.
func packed(t testing.TB, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, flate.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()[:out.Len()-4]
}

// TestHostile39InsideDeflate: text is checked after it was decompressed.
func TestHostile39InsideDeflate(t *testing.T) {
	eachEnd(t, func(t *testing.T, r rig) {
		s := r.serve(t, echo, &Options{Compression: CompressionShared})
		for _, text := range []string{"\xff", "long enough \xed\xa0\x80", "cut \xe2\x82", strings.Repeat("ä", 5000) + "\xc0\xaf"} {
			p := s.zipped(offerDeflate)
			p.write(maskedFrame(0xc1, packed(t, []byte(text))))
			p.wantClose(1007)
			q := s.zipped(offerDeflate)
			q.write(maskedFrame(0xc2, packed(t, []byte(text)))) // binary passes
			q.want(opBinary, []byte(text))
			q.closing()
		}
		p := s.zipped(offerDeflate)
		good := "κόσμε 😀 " + strings.Repeat("ö", 300)
		p.write(maskedFrame(0xc1, packed(t, []byte(good))))
		p.wantText(good)
		p.closing()
	})
}

// TestHostile50Bomb: what comes out is bounded while it comes out, over one frame and over many.
func TestHostile50Bomb(t *testing.T) {
	const limit = 1 << 20
	eachEnd(t, func(t *testing.T, r rig) {
		bombs := 10
		if r == usual { // once is enough: it is a hundred messages to take apart
			bombs = 100
		}
		s := r.serve(t, echo, &Options{Compression: CompressionShared, MaxMessageBytes: limit, MemoryBudget: 64 << 20})
		flushed := append(packed(t, make([]byte, 1<<20)), "\x00\x00\xff\xff"...)
		bomb := bytes.Repeat(flushed, 256)
		bomb = bomb[:len(bomb)-4]
		if len(bomb) > 300<<10 {
			t.Fatalf("the bomb has %d bytes", len(bomb))
		}
		var pieces []byte
		for at := 0; at < len(bomb); at += 1000 {
			b0 := byte(0)
			if at == 0 {
				b0 = 0x42
			}
			if at+1000 >= len(bomb) {
				b0 |= 0x80
			}
			pieces = append(pieces, maskedFrame(b0, bomb[at:min(at+1000, len(bomb))])...)
		}
		whole := maskedFrame(0xc2, bomb)
		var over atomic.Bool
		peers := make([]*peer, bombs)
		for i := range peers {
			peers[i] = s.zipped(offerDeflate)
		}
		for i, p := range peers {
			b := whole
			if i%2 == 1 {
				b = pieces
			}
			go func() { _, _ = p.nc.Write(b) }() // the server may close before all is read
		}
		for _, p := range peers {
			p.wantClose(1009)
			if s.Metrics().Memory > 64<<20 {
				over.Store(true)
			}
		}
		if over.Load() {
			t.Error("the memory budget was exceeded")
		}
		p := s.zipped(offerDeflate)
		exact := make([]byte, limit)
		go p.send(opBinary, exact)
		p.want(opBinary, exact)
		p.send(opBinary, append(exact, 1))
		p.wantClose(1009)
	})
}

// badStreams are no messages: RFC 1951, and RFC 7692, 7.2.2.
func badStreams(t testing.TB) map[string][]byte {
	good := packed(t, bytes.Repeat([]byte("a good message. "), 100))
	return map[string][]byte{
		"reserved block type":           {0x06},
		"stored block, bad length":      {0x00, 0x05, 0x00, 0x05, 0x00, 'h', 'e', 'l', 'l', 'o', 0x00},
		"stored block, cut":             {0x00, 0x05, 0x00, 0xfa, 0xff, 'h'},
		"stored block, takes the tail":  {0x00, 0x04, 0x00, 0xfb, 0xff},
		"cut":                           good[:len(good)/2],
		"cut by one":                    good[:len(good)-2],
		"distance too far":              {0x4b, 0x04, 0x42, 0x00},
		"garbage":                       bytes.Repeat([]byte{0xff}, 50),
		"behind the end of the message": append(bytes.Clone(good), 0xff, 0xff),
	}
}

// TestHostile51CorruptStreams: 1007, and who comes next is not harmed.
func TestHostile51CorruptStreams(t *testing.T) {
	for _, class := range []Compression{CompressionShared, Compression4K} {
		eachEnd(t, func(t *testing.T, r rig) {
			s := r.serve(t, echo, &Options{Compression: class})
			witness := s.zipped(offerDeflate)
			for name, b := range badStreams(t) {
				p := s.zipped(offerDeflate)
				p.write(text("a message before")) // it is in no window
				p.wantText("a message before")
				p.write(maskedFrame(0xc2, b))
				p.wantClose(1007)
				for _, m := range []string{"the same inflater", strings.Repeat("again ", 100)} {
					witness.sendText(m)
					witness.wantText(m)
				}
				if t.Failed() {
					t.Fatal(name)
				}
			}
			witness.closing()
		})
	}
}

// TestHostile52ReservedBit: RSV1 says that a message is compressed, and stands nowhere else.
func TestHostile52ReservedBit(t *testing.T) {
	eachEnd(t, func(t *testing.T, r rig) {
		s := r.serve(t, echo, &Options{Compression: CompressionShared})
		for name, frames := range map[string][]byte{
			"continuation":           join(maskedFrame(0x41, packed(t, []byte("one"))), maskedFrame(0xc0, nil)),
			"continuation of a text": join(maskedFrame(0x01, []byte("one")), maskedFrame(0xc0, nil)),
			"ping":                   maskedFrame(0xc9, nil),
			"pong":                   maskedFrame(0xca, nil),
			"close":                  maskedFrame(0xc8, closePayload(1000, "")),
			"RSV2":                   maskedFrame(0xa1, nil),
			"RSV3 too":               maskedFrame(0xd1, nil),
		} {
			p := s.zipped(offerDeflate)
			p.write(frames)
			if p.wantClose(1002); t.Failed() {
				t.Fatal(name)
			}
		}
		p := s.open() // it has agreed on nothing
		p.write(maskedFrame(0xc1, packed(t, []byte("one"))))
		p.wantClose(1002)
	})
}

// TestHostile53Examples are those of RFC 7692, 7.2.3, and what else is allowed.
func TestHostile53Examples(t *testing.T) {
	eachEnd(t, func(t *testing.T, r rig) {
		s := r.serve(t, echo, &Options{Compression: Compression32K})
		p := s.zipped(offerDeflate)
		hello := []byte{0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00}
		for _, tt := range []struct {
			frames []byte
			want   string
		}{
			{maskedFrame(0xc1, hello), "Hello"},
			{join(maskedFrame(0x41, hello[:3]), maskedFrame(0x89, []byte("between")), maskedFrame(0x80, hello[3:])), "Hello"},
			{maskedFrame(0xc1, []byte{0xf2, 0x00, 0x11, 0x00, 0x00}), "Hello"}, // refers to the one before
			{maskedFrame(0xc1, []byte{0x00, 0x05, 0x00, 0xfa, 0xff, 'H', 'e', 'l', 'l', 'o', 0x00}), "Hello"},
			{maskedFrame(0xc1, []byte{0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00}), "Hello"}, // BFINAL
			{maskedFrame(0xc1, []byte{0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00}), "Hello"},
			{maskedFrame(0xc1, []byte{0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00, 0x00, 0xff, 0xff, 0x00}), "Hello"}, // flushed twice
			{maskedFrame(0xc1, []byte{0x00}), ""},
			{maskedFrame(0xc1, nil), ""}, // no block at all
			{maskedFrame(0xc1, nil), ""},
			{join(maskedFrame(0x41, nil), maskedFrame(0x80, nil)), ""},
			{join(maskedFrame(0x41, nil), maskedFrame(0x00, nil), maskedFrame(0x89, nil), maskedFrame(0x80, []byte{0x00})), ""},
			{maskedFrame(0xc1, []byte{0xf2, 0x00, 0x11, 0x00, 0x00}), "Hello"}, // refers to what came before those
			{join(maskedFrame(0x41, nil), maskedFrame(0x00, hello), maskedFrame(0x80, nil)), "Hello"},
			{join(maskedFrame(0x41, nil), maskedFrame(0x00, hello[:1]), maskedFrame(0x00, nil), maskedFrame(0x80, hello[1:])), "Hello"},
			{text("as it is"), "as it is"},
		} {
			p.write(tt.frames)
			f := p.frame()
			if f.op == opPonged {
				f = p.frame()
			}
			if string(f.payload) != tt.want {
				t.Errorf("% x: got %q, want %q", tt.frames, f.payload, tt.want)
			}
		}
		p.closing()
	})
}

// TestHostile54Takeover has messages refer to those before, or not, as was agreed.
func TestHostile54Takeover(t *testing.T) {
	eachEnd(t, func(t *testing.T, r rig) {
		for _, tt := range []struct {
			class         Compression
			offer, answer string
			smaller       bool // what is said again gets shorter
		}{
			{CompressionShared, offerDeflate, "permessage-deflate; server_no_context_takeover; client_no_context_takeover", false},
			{CompressionShared, "permessage-deflate; server_max_window_bits=9", "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=9", false},
			{Compression32K, offerDeflate, "permessage-deflate", true},
			{Compression4K, offerDeflate, "permessage-deflate; server_max_window_bits=12; client_max_window_bits=12", true},
			{Compression4K, "permessage-deflate", "permessage-deflate; client_no_context_takeover; server_max_window_bits=12", true},
			{Compression1K, "permessage-deflate; server_no_context_takeover", "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=10", false},
			{Compression32K, "permessage-deflate; server_max_window_bits=8, permessage-deflate", "permessage-deflate; server_max_window_bits=8", true},
		} {
			s := r.serve(t, echo, &Options{Compression: tt.class, CompressionThreshold: -1})
			p := s.dial()
			p.zip = newZipper(tt.offer)
			p.zip.alone = true
			if got := p.shake("/").Header.Get("Sec-Websocket-Extensions"); got != tt.answer {
				t.Errorf("%v, %s: got %q, want %q", tt.class, tt.offer, got, tt.answer)
			}
			if got := s.only().Extensions(); got != tt.answer {
				t.Errorf("%v, %s: Extensions is %q", tt.class, tt.offer, got)
			}
			m := bytes.Repeat([]byte(hex.EncodeToString(blob(100))), 2)
			var sizes []int
			for range 10 {
				p.send(opBinary, m)
				f, err := p.next()
				if err != nil {
					t.Fatal(err)
				}
				sizes = append(sizes, len(f.payload))
				if f.rsv == 4 {
					err = p.zip.unpack(&f)
				}
				if err != nil || !bytes.Equal(f.payload, m) {
					t.Fatalf("%v, %s: %v, %v", tt.class, tt.offer, f, err)
				}
			}
			if smaller := sizes[9] < len(m)/4; smaller != tt.smaller {
				t.Errorf("%v, %s: sizes %d", tt.class, tt.offer, sizes)
			}
			p.closing()
			s.Close()
		}
	})
}

// TestHostile55Windows: a class costs what its comment says, and nothing is left.
func TestHostile55Windows(t *testing.T) {
	const conns = 50
	for k := CompressionShared; k <= Compression32K; k++ {
		t.Run(k.String(), func(t *testing.T) {
			s := rig{inline: true, loops: 1, door: listened}.serve(t, echo, &Options{Compression: k})
			window := int64(0)
			if k.dedicated() {
				window = 1 << compressions[k].bits
			}
			var peers []*peer
			for i := range conns {
				p := s.zipped(offerDeflate)
				p.zip.alone = true
				peers = append(peers, p)
				for j := range 2 + 70_000/3000 {
					m := []byte(fmt.Sprintf("%d %d ", i, j) + strings.Repeat(fmt.Sprint(i, j), 3000/len(fmt.Sprint(i, j))))
					p.send(opText, m)
					p.want(opText, m)
				}
			}
			// What each holds is both windows, and nothing besides.
			eventually(t, "windows are full, and nothing else is held", func() bool {
				m := s.Metrics()
				return m.Memory >= conns*2*window && m.Memory <= conns*2*window+64<<10
			})
			for _, p := range peers {
				p.closing()
			}
			eventually(t, "nothing is held", func() bool { return s.Metrics().Memory < 64<<10 })
		})
	}
}

// TestHostile56Broadcast: a publication is compressed once for each window, whoever subscribes, and everyone gets it.
func TestHostile56Broadcast(t *testing.T) {
	eachEnd(t, func(t *testing.T, r rig) {
		var top Topic
		var log []int // windows of the deflaters that were asked for
		s := r.serve(t, Handler{Open: top.Subscribe, Message: echo.Message}, &Options{Compression: Compression32K})
		offers := []string{
			"", offerDeflate, "permessage-deflate; server_no_context_takeover", "permessage-deflate; server_max_window_bits=10",
			"permessage-deflate; server_max_window_bits=10; server_no_context_takeover",
		}
		var peers []*peer
		for i := range 4 * len(offers) {
			if o := offers[i%len(offers)]; o != "" {
				peers = append(peers, s.zipped(o))
			} else {
				peers = append(peers, s.open())
			}
		}
		eventually(t, "all subscribe", func() bool { return top.Len() == len(peers) })
		s.core.deflaters.asked = func(bits int) { log = append(log, bits) }
		news := []byte(strings.Repeat("the same news for all ", 30))
		if n := top.Publish(Text, news); n != len(peers) {
			t.Errorf("published to %d", n)
		}
		for _, p := range peers {
			p.want(opText, news)
		}
		s.core.deflaters.mu.Lock()
		if len(log) != 2 || log[0]+log[1] != 25 {
			t.Errorf("it was compressed for windows of %d bits, want 15 and 10 once each", log)
		}
		s.core.deflaters.asked = nil
		s.core.deflaters.mu.Unlock()

		// Between publications and prepared messages, connections have contexts of their own.
		p, err := Prepare(Text, news)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 5 {
			own := []byte(fmt.Sprint("what this one says ", i, strings.Repeat(" again and again", 20)))
			for _, q := range peers {
				q.send(opText, own)
				q.want(opText, own)
			}
			top.PublishWith(Text, news, PublishOptions{Compress: CompressAlways})
			for _, q := range peers {
				q.want(opText, news)
			}
			for c := range s.Conns() {
				if err := c.SendPrepared(p); err != nil {
					t.Error(err)
				}
			}
			for _, q := range peers {
				q.want(opText, news)
			}
		}
		for _, q := range peers {
			if q.zip != nil && q.zip.packed < 15 {
				t.Errorf("%d messages came compressed", q.zip.packed)
			}
			q.closing()
		}
	})
}

// TestAgreementsArePacked: what is agreed on is unpacked as it was.
func TestAgreementsArePacked(t *testing.T) {
	for _, client := range []bool{false, true} {
		for server := codec.MinWindowBits; server <= codec.MaxWindowBits; server++ {
			for i := range 32 {
				p := codec.DeflateParams{
					ServerNoContextTakeover: i&1 != 0, ClientNoContextTakeover: i&2 != 0,
					ServerMaxWindowBits: server, ClientMaxWindowBits: codec.MinWindowBits + i>>2,
				}
				a := agree(p, client)
				if got := a.params(client); got != p || a == 0 {
					t.Errorf("client %t: got %+v, want %+v", client, got, p)
				}
			}
		}
	}
}
