//go:build invariants

package engine

import (
	"bytes"
	"testing"
)

// What a callback was lent is ruined when it has returned: a program that keeps it is found out, every time.
func TestPoison(t *testing.T) {
	eachMode(t, func(t *testing.T, r rig) {
		kept := make(chan []byte, 100)
		checked := make(chan bool, 100)
		keep := func(c *Conn, b []byte) {
			if string(b) != "lent" && !bytes.Equal(b, blob(9000)) {
				t.Errorf("got %.20q", b)
			}
			kept <- b
			c.Do(func() { // behind the callback
				if b := <-kept; !bytes.Equal(b, bytes.Repeat([]byte{0xCC}, len(b))) {
					t.Errorf("%.20q is still there", b)
				}
				checked <- true
			})
		}
		s := r.serve(t, Handler{Message: func(c *Conn, m Message) { keep(c, m.Data) }, Ping: keep, Pong: keep}, nil)
		p := s.open()
		for range 20 {
			p.sendText("lent")
			within(t, "a check", checked)
			p.send(opPinged, []byte("lent"))
			p.want(opPonged, []byte("lent"))
			within(t, "a check", checked)
			p.send(opPonged, []byte("lent"))
			within(t, "a check", checked)
			p.send(opBinary, blob(9000))
			within(t, "a check", checked)
			p.write(join(maskedFrame(0x01, []byte("le")), maskedFrame(0x80, []byte("nt"))))
			within(t, "a check", checked)
		}
		p.closing()
	})
}
