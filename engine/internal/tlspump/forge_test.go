package tlspump

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
)

// forger writes records that crypto/tls would not, with the keys of a client that has shaken hands and sent nothing.
type forger struct {
	t      testing.TB
	v12    bool
	secret []byte
	aead   cipher.AEAD
	iv     []byte
	seq    uint64
}

// keyLog is what a client logs of its keys, by label.
func keyLog(t testing.TB, log []byte) map[string][]byte {
	keys := map[string][]byte{}
	for line := range strings.Lines(string(log)) {
		f := strings.Fields(line)
		key, err := hex.DecodeString(f[2])
		if err != nil {
			t.Fatal(err)
		}
		keys[f[0]] = key
		if f[0] == "CLIENT_RANDOM" {
			keys["random"], _ = hex.DecodeString(f[1])
		}
	}
	return keys
}

// newForger takes over from the client of a pair. heard is what the server said.
func newForger(t testing.TB, version uint16, log, heard []byte) *forger {
	t.Helper()
	keys := keyLog(t, log)
	f := &forger{t: t, v12: version == tls.VersionTLS12}
	if !f.v12 {
		f.secret = keys["CLIENT_TRAFFIC_SECRET_0"]
		f.rekey()
		return f
	}
	// RFC 5246, 6.3: the client's key and IV; its Finished was record 0.
	serverRandom := heard[headerBytes+4+2:][:32]
	block := prf(keys["CLIENT_RANDOM"], "key expansion", append(bytes.Clone(serverRandom), keys["random"]...), 40)
	f.aead, f.iv, f.seq = gcm(t, block[:16]), block[32:36], 1
	return f
}

// prf is RFC 5246, 5, with SHA-256.
func prf(secret []byte, label string, seed []byte, n int) (out []byte) {
	mac := func(parts ...[]byte) []byte {
		h := hmac.New(sha256.New, secret)
		for _, p := range parts {
			h.Write(p)
		}
		return h.Sum(nil)
	}
	seed = append([]byte(label), seed...)
	for a := mac(seed); len(out) < n; a = mac(a) {
		out = append(out, mac(a, seed)...)
	}
	return out[:n]
}

func gcm(t testing.TB, key []byte) cipher.AEAD {
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	return aead
}

// label is HKDF-Expand-Label: RFC 8446, 7.1.
func (f *forger) label(label string, n int) []byte {
	info := append([]byte{0, byte(n), byte(6 + len(label))}, "tls13 "+label...)
	out, err := hkdf.Expand(sha256.New, f.secret, string(append(info, 0)), n)
	if err != nil {
		f.t.Fatal(err)
	}
	return out
}

// rekey takes key and IV from the secret.
func (f *forger) rekey() {
	f.aead, f.iv, f.seq = gcm(f.t, f.label("key", 16)), f.label("iv", 12), 0
}

// record returns a record of that type.
func (f *forger) record(kind byte, body []byte) []byte {
	if f.v12 {
		explicit := binary.BigEndian.AppendUint64(nil, f.seq)
		extra := binary.BigEndian.AppendUint16(append(bytes.Clone(explicit), kind, 3, 3), uint16(len(body)))
		f.seq++
		sealed := f.aead.Seal(nil, append(bytes.Clone(f.iv), explicit...), body, extra)
		head := binary.BigEndian.AppendUint16([]byte{kind, 3, 3}, uint16(8+len(sealed)))
		return append(append(head, explicit...), sealed...)
	}
	nonce := bytes.Clone(f.iv)
	for i := range 8 {
		nonce[4+i] ^= byte(f.seq >> (56 - 8*i))
	}
	f.seq++
	head := binary.BigEndian.AppendUint16([]byte{23, 3, 3}, uint16(len(body)+1+16))
	return f.aead.Seal(head, nonce, append(bytes.Clone(body), kind), head)
}

// update returns a key update that asks for another: RFC 8446, 4.6.3.
func (f *forger) update() []byte {
	r := f.record(recordHandshake, []byte{24, 0, 0, 1, 1})
	f.secret = f.label("traffic upd", 32)
	f.rekey()
	return r
}

// forged returns a server, and the keys of its client.
func forged(t testing.TB, version uint16) (*Pump, *forger) {
	t.Helper()
	var log, heard bytes.Buffer
	server, _ := pairWith(t, version, 1<<20, func(c *tls.Config) {
		c.KeyLogWriter = &log
		c.CipherSuites = []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}
	}, &heard)
	if got := server.Conn().ConnectionState().CipherSuite; got != tls.TLS_AES_128_GCM_SHA256 && got != tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 {
		t.Skipf("this machine prefers %s", tls.CipherSuiteName(got))
	}
	return server, newForger(t, version, log.Bytes(), heard.Bytes())
}

// read gives p one record and returns what comes of it.
func read(p *Pump, record []byte) (string, error) {
	room := make([]byte, 100)
	p.Push(record)
	n, err := p.Read(room)
	return string(room[:n]), err
}

// TestKeyUpdates answers those of a peer that sends data too, and reads; ends one that sends nothing else; and one
// that does not read the answers.
func TestKeyUpdates(t *testing.T) {
	t.Run("with data", func(t *testing.T) {
		p, f := forged(t, tls.VersionTLS13)
		s := socket{room: 1 << 30}
		for i := range 10_000 {
			if got, err := read(p, append(f.update(), f.record(23, []byte("data"))...)); got != "data" || err != nil {
				t.Fatalf("update %d: %q, %v", i, got, err)
			}
			if rest, err := p.Flush(&s); rest != 0 || err != nil || p.Held() != 0 {
				t.Fatal(rest, err)
			}
		}
		if len(s.got) < 10_000*headerBytes {
			t.Errorf("%d bytes of answers", len(s.got))
		}
	})
	t.Run("nothing else", func(t *testing.T) {
		p, f := forged(t, tls.VersionTLS13)
		for range 10_000 {
			_, err := read(p, f.update())
			if err != nil {
				if !strings.Contains(err.Error(), "too many non-advancing records") {
					t.Error(err)
				}
				return
			}
		}
		t.Error("ten thousand key updates in a row are answered")
	})
	t.Run("answers not read", func(t *testing.T) {
		p, f := forged(t, tls.VersionTLS13)
		for p.Waiting() < 2*maxReplyBytes {
			if _, err := read(p, append(f.update(), f.record(23, []byte("data"))...)); err != nil {
				if !errors.Is(err, ErrReplies) {
					t.Error(err)
				}
				return
			}
		}
		t.Errorf("%d bytes of answers wait", p.Waiting())
	})
}

// TestEmptyRecords ends a peer that sends nothing but those.
func TestEmptyRecords(t *testing.T) {
	versions(t, func(t *testing.T, version uint16) {
		p, f := forged(t, version)
		for range 1000 {
			if _, err := read(p, f.record(23, nil)); err != nil {
				return
			}
		}
		t.Error("a thousand empty records in a row are taken")
	})
}

// TestRenegotiation is refused, with an alert.
func TestRenegotiation(t *testing.T) {
	p, f := forged(t, tls.VersionTLS12)
	if got, err := read(p, f.record(23, []byte("data"))); got != "data" || err != nil {
		t.Fatalf("%q, %v", got, err)
	}
	hello := append([]byte{1, 0, 0, 41, 3, 3}, make([]byte, 32)...)
	if _, err := read(p, f.record(recordHandshake, append(hello, 0, 0, 2, 0xc0, 0x2b, 1, 0))); err == nil {
		t.Error("a second hello is taken")
	}
	var s socket
	s.room = 100
	if _, err := p.Flush(&s); err != nil || len(s.got) == 0 || s.got[0] != 21 {
		t.Errorf("it is answered with %x, %v, want an alert", s.got, err)
	}
}
