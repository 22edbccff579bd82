package pollertest

import (
	"bytes"
	"encoding/binary"
	"sync"
	"testing"

	"github.com/weirws/weir/poller"
)

// testMany has many connections on few loops exchange messages at the same time.
func testMany(t *testing.T, b Backend) {
	pl := newPoller(t, b)
	var clients sync.WaitGroup
	for i := range 100 {
		p := newProbe(t)
		p.echo()
		far := attach(t, b, pl, p, nil)
		clients.Go(func() {
			for k := range 20 {
				sent := pattern(1+(i*131+k*977)%5000, uint32(i<<8|k))
				if got := exchange(t, far, sent); !bytes.Equal(got, sent) {
					t.Errorf("connection %d got what it did not send", i)
				}
			}
			far.Close()
		})
	}
	clients.Wait()
}

// testStorm opens and closes connections as quickly as can be, so that descriptors come back at
// once, with writes from other goroutines under way. Both ends send their own tag and nothing else:
// a byte on the wrong connection shows.
func testStorm(t *testing.T, b Backend) {
	lives := b.Lives
	if lives == 0 {
		lives = 400
	}
	pl := newPoller(t, b)
	var lanes sync.WaitGroup
	for lane := range 4 {
		lanes.Go(func() {
			for i := range lives / 4 {
				storm(t, b, pl, uint32(lane<<24|i))
			}
		})
	}
	lanes.Wait()
}

// storm is one short life.
func storm(t *testing.T, b Backend, pl *poller.Poller, life uint32) {
	near, far := b.Pair(t)
	defer far.Close()
	p := newProbe(t)
	heard := &tag{t: t, life: life}
	p.data = func(b []byte) {
		heard.check(b)
		if life%3 == 0 {
			p.close()
		}
	}
	if err := pl.Attach(nil, near, nil, &p.Conn, p); err != nil {
		t.Error(err)
		return
	}
	var writers sync.WaitGroup
	block := bytes.Repeat(heard.bytes(), 64)
	for range 2 {
		writers.Go(func() {
			for k := 0; k < 100 && !p.Closed(); k++ {
				p.send(block)
			}
		})
	}
	writers.Go(func() {
		far.Write(block) // the other end may be gone already
	})
	said := &tag{t: t, life: life}
	buf := make([]byte, 4096)
	for range 1 + life%4 {
		n, err := far.Read(buf)
		said.check(buf[:n])
		if err != nil {
			break
		}
	}
	if life%2 == 0 {
		far.Close()
	} else {
		p.Loop().Do(p.close)
	}
	<-p.closed
	far.Close()
	writers.Wait()
}

// tag checks that a stream is one number, over and over.
type tag struct {
	t    testing.TB
	life uint32
	n    int
	told bool
}

func (g *tag) bytes() []byte { return binary.BigEndian.AppendUint32(nil, g.life) }

func (g *tag) check(b []byte) {
	want := g.bytes()
	for _, got := range b {
		if got != want[g.n%4] && !g.told {
			g.told = true
			g.t.Errorf("connection %d got a byte of another at %d", g.life, g.n)
		}
		g.n++
	}
}
