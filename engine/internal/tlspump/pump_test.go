package tlspump

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	mrand "math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"
)

// testConfigs returns the configs of a server and a client that trusts it.
func testConfigs(t testing.TB, version uint16) (server, client *tls.Config) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"weir.test"}}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, _ := x509.ParseCertificate(der) // it was just made
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	server = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MinVersion: version, MaxVersion: version}
	return server, &tls.Config{RootCAs: roots, ServerName: "weir.test"}
}

type nowhere struct{}

func (nowhere) LocalAddr() net.Addr  { return &net.UnixAddr{Name: "here"} }
func (nowhere) RemoteAddr() net.Addr { return &net.UnixAddr{Name: "there"} }

// pair returns both ends of a connection, after their handshakes. Each was fed in pieces of n bytes.
func pair(t testing.TB, version uint16, n int) (server, client *Pump) {
	t.Helper()
	return pairWith(t, version, n, func(*tls.Config) {}, io.Discard)
}

// pairWith is pair of a client that set has set up. What the server says is written to heard too.
func pairWith(t testing.TB, version uint16, n int, set func(client *tls.Config), heard io.Writer) (server, client *Pump) {
	t.Helper()
	sc, cc := testConfigs(t, version)
	set(cc)
	inPieces := func(h *Handshake, b []byte) {
		for len(b) > 0 {
			m := min(n, len(b))
			h.Feed(b[:m])
			b = b[m:]
		}
	}
	return shakeHands(t, sc, cc, inPieces, func(h *Handshake, b []byte) {
		_, _ = heard.Write(b) // in memory
		inPieces(h, b)
	})
}

// pairOf is pair, whose server is fed by feed.
func pairOf(t testing.TB, version uint16, feed func(server *Handshake, b []byte)) (server, client *Pump) {
	t.Helper()
	sc, cc := testConfigs(t, version)
	return shakeHands(t, sc, cc, feed, func(h *Handshake, b []byte) { h.Feed(b) })
}

// shakeHands has both ends of a connection shake hands: what one says is fed to the other.
func shakeHands(t testing.TB, sc, cc *tls.Config, toServer, toClient func(h *Handshake, b []byte)) (server, client *Pump) {
	t.Helper()
	server = Server(nowhere{}, sc)
	client = &Pump{t: transport{addrs: nowhere{}}}
	client.tls = tls.Client(&client.t, cc)
	slots := NewSlots(1)
	var hs, hc *Handshake
	hs = server.Begin(slots, func(b []byte) { toClient(hc, b) }, nil)
	hc = client.Begin(slots, func(b []byte) { toServer(hs, b) }, nil)
	var both sync.WaitGroup
	errs := make([]error, 2)
	both.Go(func() { errs[0] = hs.Run() })
	both.Go(func() { errs[1] = hc.Run() })
	both.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	hs.End()
	hc.End()
	return server, client
}

// socket takes up to room bytes.
type socket struct {
	room int
	got  []byte
}

func (s *socket) Write(b []byte) (int, error) {
	n := min(len(b), s.room)
	s.got = append(s.got, b[:n]...)
	s.room -= n
	return n, nil
}

// open decrypts what s got, in pieces of n bytes.
func (s *socket) open(t testing.TB, p *Pump, n int) (plain []byte) {
	t.Helper()
	room := make([]byte, 3000)
	for len(s.got) > 0 {
		m := min(n, len(s.got))
		p.Push(bytes.Clone(s.got[:m]))
		s.got = s.got[m:]
		for {
			k, err := p.Read(room)
			if err != nil {
				t.Fatal(err)
			}
			if k == 0 {
				break
			}
			plain = append(plain, room[:k]...)
		}
	}
	return plain
}

func versions(t *testing.T, test func(t *testing.T, version uint16)) {
	for _, v := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(v), func(t *testing.T) { test(t, v) })
	}
}

// TestWriteAnySocket: whatever a socket takes at a time, all plaintext arrives once and in order, a Write that
// accepts all has given it to the socket, and little ciphertext waits.
func TestWriteAnySocket(t *testing.T) {
	versions(t, func(t *testing.T, version uint16) {
		for seed := range uint64(20) {
			rng := mrand.New(mrand.NewPCG(seed, 1))
			server, client := pair(t, version, 1+rng.IntN(500))
			if rng.IntN(2) == 0 {
				server, client = client, server
			}
			data := make([]byte, 300_000)
			for i := range data {
				data[i] = byte(rng.Uint32())
			}
			var s socket
			sent := 0
			var got []byte
			for sent < len(data) {
				s.room += rng.IntN(1 + []int{10, 3000, 100_000}[rng.IntN(3)])
				n, all, err := send(rng, server, &s, data[sent:])
				if err != nil {
					t.Fatal(err)
				}
				if server.Waiting() > outBytes {
					t.Fatalf("%d bytes of ciphertext wait", server.Waiting())
				}
				sent += n
				if (server.Waiting() == 0) != all {
					t.Fatalf("seed %d: accepted all: %t, while %d bytes wait", seed, all, server.Waiting())
				}
				got = append(got, s.open(t, client, 1+rng.IntN(40_000))...)
				if all && len(got) != sent {
					t.Fatalf("seed %d: accepted %d, arrived %d", seed, sent, len(got))
				}
			}
			if !bytes.Equal(got, data) || server.Held() != 0 {
				t.Fatalf("seed %d: %d bytes arrived of %d, %d bytes are held", seed, len(got), len(data), server.Held())
			}
		}
	})
}

// send writes some of b in one of the ways there are. all: everything was accepted.
func send(rng *mrand.Rand, p *Pump, s Socket, b []byte) (n int, all bool, err error) {
	if rng.IntN(2) == 0 {
		b = b[:1+rng.IntN(len(b))]
		n, err = p.Write(s, b)
		return n, n == len(b), err
	}
	offered := 0
	var bufs [][]byte
	for range 1 + rng.IntN(20) {
		n := rng.IntN(1 + min(len(b), []int{5, 300, 20_000}[rng.IntN(3)]))
		bufs = append(bufs, b[:n])
		b = b[n:]
		offered += n
	}
	n, err = p.WriteBuffers(s, bufs)
	return n, n == offered && (n > 0 || p.Waiting() == 0), err
}

// TestReadAnySplit: however ciphertext is cut, the plaintext is the same.
func TestReadAnySplit(t *testing.T) {
	versions(t, func(t *testing.T, version uint16) {
		server, client := pair(t, version, 1000)
		data := make([]byte, 40_000)
		_, _ = rand.Read(data)
		for _, n := range []int{1, 2, 3, 4, 5, 6, 7, 100, 16_000, 1 << 20} {
			s := socket{room: 1 << 20}
			if m, err := client.Write(&s, data); m != len(data) || err != nil {
				t.Fatal(m, err)
			}
			if got := s.open(t, server, n); !bytes.Equal(got, data) {
				t.Errorf("in pieces of %d: %d bytes arrived", n, len(got))
			}
		}
	})
}

// TestCloseNotify ends each direction by itself.
func TestCloseNotify(t *testing.T) {
	versions(t, func(t *testing.T, version uint16) {
		server, client := pair(t, version, 1000)
		up, down := socket{room: 1000}, socket{room: 1000}
		if rest, err := client.CloseNotify(&up); rest != 0 || err != nil {
			t.Fatal(rest, err)
		}
		server.Push(up.got)
		if n, err := server.Read(make([]byte, 10)); n != 0 || err != io.EOF {
			t.Fatalf("Read: %d, %v, want io.EOF", n, err)
		}
		if _, err := client.Write(&up, []byte("more")); err == nil {
			t.Error("written behind a close_notify")
		}
		if n, err := server.Write(&down, []byte("still")); n != 5 || err != nil {
			t.Fatal(n, err)
		}
		if got := down.open(t, client, 3); string(got) != "still" {
			t.Errorf("got %q", got)
		}
	})
}

// TestBlockAndStep: a connection that becomes a net.Conn and comes back loses nothing on its way.
func TestBlockAndStep(t *testing.T) {
	versions(t, func(t *testing.T, version uint16) {
		server, client := pair(t, version, 1000)
		up := socket{room: 1 << 20}
		for i := range 9 {
			if _, err := client.Write(&up, fmt.Appendf(nil, "message %d", i)); err != nil {
				t.Fatal(err)
			}
		}
		room := make([]byte, 100)
		server.Push(up.got[:len(up.got)-5])
		if n, err := server.Read(room); string(room[:n]) != "message 0" || err != nil {
			t.Fatalf("stepped: %q, %v", room[:n], err)
		}
		ours, theirs := net.Pipe()
		defer ours.Close()
		go func() { // ends when ours has read, or is closed
			theirs.Write(up.got[len(up.got)-5:])
			theirs.Close()
		}()
		server.Block(ours)
		for i := 1; i < 5; i++ {
			if n, err := server.Conn().Read(room); string(room[:n]) != fmt.Sprint("message ", i) || err != nil {
				t.Fatalf("blocking: %q, %v", room[:n], err)
			}
		}
		if server.Step(nowhere{}) != ours {
			t.Error("Step returns another net.Conn")
		}
		for i := 5; i < 8; i++ {
			if n, err := server.Read(room); string(room[:n]) != fmt.Sprint("message ", i) || err != nil {
				t.Fatalf("stepped again: %q, %v", room[:n], err)
			}
		}
		if n, err := server.Read(room); n != 0 || err != nil {
			t.Fatalf("half a record: %q, %v", room[:n], err)
		}
		last, err := io.ReadAll(ours)
		if err != nil {
			t.Fatal(err)
		}
		server.Push(last)
		if n, err := server.Read(room); string(room[:n]) != "message 8" || err != nil {
			t.Fatalf("the last one: %q, %v", room[:n], err)
		}
	})
}

// TestHello: a handshake is begun by a whole record, or by what is none.
func TestHello(t *testing.T) {
	for _, row := range []struct {
		name string
		b    string
		want bool
	}{
		{"nothing", "", false},
		{"half a header", "\x16\x03\x01\x00", false},
		{"half a record", "\x16\x03\x01\x00\x05abcd", false},
		{"a record", "\x16\x03\x01\x00\x05abcde", true},
		{"and more", "\x16\x03\x01\x00\x05abcdef", true},
		{"an alert", "\x15\x03\x01\x00\x02", true},
		{"too long for one", "\x16\x03\x01\xff\xff", true},
	} {
		if got := Hello([]byte(row.b)); got != row.want {
			t.Errorf("%s: %t, want %t", row.name, got, row.want)
		}
	}
}

// TestAbort: a handshake whose peer is silent ends when it is told to, and has no slot meanwhile.
func TestAbort(t *testing.T) {
	sc, _ := testConfigs(t, 0)
	slots := NewSlots(1)
	const all = 50
	var running sync.WaitGroup
	var shakes []*Handshake
	for range all {
		h := Server(nowhere{}, sc).Begin(slots, func([]byte) {}, nil)
		shakes = append(shakes, h)
		running.Go(func() {
			if err := h.Run(); !errors.Is(err, net.ErrClosed) {
				t.Errorf("Run: %v, want net.ErrClosed", err)
			}
		})
	}
	pair := make(chan struct{})
	go func() { // ends with a handshake that needs the slot
		defer close(pair)
		slots <- struct{}{}
		<-slots
	}()
	<-pair
	for _, h := range shakes {
		h.Abort()
	}
	running.Wait()
}
