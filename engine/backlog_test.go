package engine

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// stalled is a connection whose peer does not read, in a bubble of fake time: what its back end takes is taken, and the
// rest waits. Counts are exact.
type stalled struct {
	t      *testing.T
	s      *running
	p      *peer
	c      *Conn
	filler []byte // the message that filled it up
	begun  int    // what waits of that
}

// stall runs test with such a connection for both modes.
func stall(t *testing.T, h Handler, o Options, test func(*stalled)) {
	for _, inline := range []bool{false, true} {
		t.Run(choose(inline, "inline", "workers"), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := rig{inline: inline, loops: 1, streams: true}
				o := o
				o.KeepAlive = -1
				st := &stalled{t: t, s: r.make(t, h, &o)}
				st.p = st.s.pipe()
				st.p.shake("/")
				st.p.nc.SetDeadline(time.Time{})
				st.c = st.s.only()
				st.filler = blob(70_000)
				synctest.Wait()
				if err := st.c.Send(Binary, st.filler); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				if st.begun = st.c.Backlog(); st.begun <= 0 || st.begun >= len(st.filler) {
					t.Fatalf("%d bytes wait", st.begun)
				}
				test(st)
			})
		})
	}
}

// unit is a message of which a frame has exactly 1000 bytes, with its number in it.
func unit(n int) []byte {
	b := make([]byte, 996)
	binary.BigEndian.PutUint32(b, uint32(n))
	return b
}

// read has the peer read n units, from the given one on.
func (st *stalled) read(from, to int) {
	st.t.Helper()
	for i := from; i < to; i++ {
		st.p.want(opBinary, unit(i))
	}
}

func (st *stalled) readFiller() {
	st.t.Helper()
	st.p.want(opBinary, st.filler)
}

// backlogLimit of these tests; with 1000 byte frames behind what has begun.
const backlogLimit = 20_000

// fits is how many units enter: as long as what waits before is below the limit.
func (st *stalled) fits() int { return (backlogLimit - st.begun + 999) / 1000 }

// fill sends units from 0 on until the backlog is at its limit, and returns how many.
func (st *stalled) fill() int {
	st.t.Helper()
	for i := range st.fits() {
		if got, want := st.c.Backlog(), st.begun+1000*i; got != want {
			st.t.Fatalf("Backlog is %d with %d messages, want %d", got, i, want)
		}
		if err := st.c.Send(Binary, unit(i)); err != nil {
			st.t.Fatalf("message %d: %v", i, err)
		}
	}
	return st.fits()
}

func TestOverflowCloseSlow(t *testing.T) {
	h, ended := ends(Handler{Drop: func(*Conn, Message) { t.Error("Drop is called") }})
	stall(t, h, Options{MaxBacklogBytes: backlogLimit}, func(st *stalled) {
		k := st.fill()
		if err := st.c.Send(Binary, unit(k)); err != ErrBacklogFull {
			st.t.Errorf("the first beyond the limit: %v", err)
		}
		if err := st.c.Send(Binary, unit(k)); err != net.ErrClosed {
			st.t.Errorf("the second: %v", err)
		}
		st.readFiller()
		st.read(0, k)
		st.p.wantClose(1013)
		st.p.sendClose(1013, "")
		st.p.gone()
		if e := within(st.t, "Close", ended); e.Code != 1013 || e.Peer || !errors.Is(e, ErrBacklogFull) || !e.Clean {
			st.t.Errorf("got %+v", e)
		}
		if m := st.s.Metrics(); m.Slow != 1 || m.Dropped != 0 {
			st.t.Errorf("got %+v", m)
		}
	})
}

// A peer that is slow and does not read at all is cut off at CloseTimeout.
func TestOverflowCloseTimeout(t *testing.T) {
	h, ended := ends(Handler{})
	stall(t, h, Options{MaxBacklogBytes: backlogLimit, CloseTimeout: time.Minute}, func(st *stalled) {
		st.c.Send(Binary, unit(st.fill()))
		synctest.Wait()
		time.Sleep(time.Minute - time.Second)
		synctest.Wait()
		if len(ended) > 0 {
			st.t.Error("closed before the timeout")
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if e := within(st.t, "Close", ended); e.Code != 1013 || e.Clean {
			st.t.Errorf("got %+v", e)
		}
	})
}

func TestOverflowDropNewest(t *testing.T) {
	var dropped []int
	drains := 0
	h := Handler{
		Drop:  func(_ *Conn, m Message) { dropped = append(dropped, int(binary.BigEndian.Uint32(m.Data))) },
		Drain: func(*Conn) { drains++ },
	}
	stall(t, h, Options{MaxBacklogBytes: backlogLimit, Overflow: DropNewest}, func(st *stalled) {
		dropped, drains = nil, 0
		k := st.fill()
		for i := range 5 {
			done := false
			if err := st.c.SendWith(Binary, unit(k+i), SendOptions{Done: func(error) { done = true }}); err != ErrBacklogFull {
				st.t.Errorf("message %d: %v", k+i, err)
			}
			synctest.Wait()
			if done {
				st.t.Error("Done is called for a message that was refused")
			}
		}
		if want := []int{k, k + 1, k + 2, k + 3, k + 4}; !slices.Equal(dropped, want) {
			st.t.Errorf("Drop got %v, want %v", dropped, want)
		}
		if m := st.s.Metrics(); m.Dropped != 5 || m.Slow != 0 {
			st.t.Errorf("got %+v", m)
		}
		if drains != 0 || st.c.State() != Open {
			st.t.Errorf("%d × Drain, state %v", drains, st.c.State())
		}
		st.readFiller()
		st.read(0, k)
		synctest.Wait()
		if drains != 1 {
			st.t.Errorf("%d × Drain", drains)
		}
		if st.c.Backlog() != 0 {
			st.t.Errorf("%d bytes wait", st.c.Backlog())
		}
		if err := st.c.Send(Binary, unit(99)); err != nil {
			st.t.Error(err)
		}
		st.read(99, 100)
	})
}

func TestOverflowDropOldest(t *testing.T) {
	var dropped []int
	h := Handler{Drop: func(_ *Conn, m Message) {
		if m.Kind != Binary || !bytes.Equal(m.Data, unit(int(binary.BigEndian.Uint32(m.Data)))) {
			t.Errorf("Drop got %v", m.Kind)
		}
		dropped = append(dropped, int(binary.BigEndian.Uint32(m.Data)))
	}}
	stall(t, h, Options{MaxBacklogBytes: backlogLimit, Overflow: DropOldest}, func(st *stalled) {
		dropped = nil
		var told []error
		st.c.SendWith(Binary, unit(0), SendOptions{Done: func(err error) { told = append(told, err) }})
		for i := 1; i < st.fits(); i++ {
			st.c.Send(Binary, unit(i))
		}
		k := st.fits()
		for i := range 5 {
			if err := st.c.Send(Binary, unit(k+i)); err != nil {
				st.t.Errorf("message %d: %v", k+i, err)
			}
		}
		// A shared frame enters and leaves like any other.
		pr, _ := Prepare(Binary, unit(k+5))
		if err := st.c.SendPrepared(pr); err != nil {
			st.t.Error(err)
		}
		synctest.Wait()
		if want := []int{0, 1, 2, 3, 4, 5}; !slices.Equal(dropped, want) {
			st.t.Errorf("Drop got %v, want %v", dropped, want)
		}
		if len(told) != 1 || told[0] != ErrBacklogFull {
			st.t.Errorf("Done got %v", told)
		}
		if m := st.s.Metrics(); m.Dropped != 6 {
			st.t.Errorf("got %+v", m)
		}
		st.readFiller()
		st.read(6, k+6)
		synctest.Wait()
		if len(told) != 1 {
			st.t.Errorf("Done got %v", told)
		}
	})
}

// Nothing can be thrown out: then the newest is refused.
func TestOverflowDropOldestRefuses(t *testing.T) {
	drops := 0
	stall(t, Handler{Drop: func(*Conn, Message) { drops++ }}, Options{MaxBacklogBytes: 1, Overflow: DropOldest}, func(st *stalled) {
		drops = 0
		if err := st.c.Send(Binary, unit(0)); err != ErrBacklogFull {
			st.t.Errorf("got %v", err)
		}
		synctest.Wait()
		if drops != 1 || st.s.Metrics().Dropped != 1 {
			st.t.Errorf("%d × Drop, %d in Metrics", drops, st.s.Metrics().Dropped)
		}
		st.readFiller()
	})
}

// A message of any size enters while what waits before it is below the limit.
func TestBacklogTakesOneOfAnySize(t *testing.T) {
	stall(t, Handler{}, Options{MaxBacklogBytes: backlogLimit, Overflow: DropNewest}, func(st *stalled) {
		k := st.fits() - 1
		for i := range k {
			st.c.Send(Binary, unit(i))
		}
		big := blob(1 << 20)
		if err := st.c.Send(Binary, big); err != nil {
			st.t.Error(err)
		}
		if err := st.c.Send(Binary, unit(0)); err != ErrBacklogFull {
			st.t.Error(err)
		}
		st.readFiller()
		st.read(0, k)
		st.p.want(opBinary, big)
	})
}

func TestBacklogWithoutLimit(t *testing.T) {
	stall(t, Handler{}, Options{MaxBacklogBytes: -1}, func(st *stalled) {
		for i := range 5000 {
			if err := st.c.Send(Binary, unit(i)); err != nil {
				st.t.Fatal(err)
			}
		}
		st.readFiller()
		st.read(0, 5000)
	})
}

// Drain also follows a backlog that got half full and refused nothing.
func TestDrainAfterHalf(t *testing.T) {
	drains := 0
	stall(t, Handler{Drain: func(*Conn) { drains++ }}, Options{MaxBacklogBytes: backlogLimit}, func(st *stalled) {
		drains = 0
		n := 0
		for st.c.Backlog() < backlogLimit/2 {
			st.c.Send(Binary, unit(n))
			n++
		}
		synctest.Wait()
		if drains != 0 {
			st.t.Errorf("%d × Drain while nothing drains", drains)
		}
		st.readFiller()
		st.read(0, n)
		synctest.Wait()
		if drains != 1 {
			st.t.Errorf("%d × Drain", drains)
		}
		for i := range 3 { // far below half
			st.c.Send(Binary, unit(i))
		}
		st.read(0, 3)
		synctest.Wait()
		if drains != 1 {
			st.t.Errorf("%d × Drain after a backlog that was small", drains)
		}
	})
}

// A fragment is never thrown out, nor is anything put between two of them.
func TestFragmentsAreNotDropped(t *testing.T) {
	for name, o := range map[string]Overflow{"DropOldest": DropOldest, "DropNewest": DropNewest} {
		t.Run(name, func(t *testing.T) {
			drops := 0
			stall(t, Handler{Drop: func(*Conn, Message) { drops++ }}, Options{MaxBacklogBytes: backlogLimit, Overflow: o}, func(st *stalled) {
				drops = 0
				if err := st.c.SendWith(Text, []byte("one"), SendOptions{More: true}); err != nil {
					st.t.Fatal(err)
				}
				refused := 0
				for range 100 {
					if err := st.c.SendWith(Text, unit(0), SendOptions{More: true}); err == ErrBacklogFull {
						refused++
					}
				}
				synctest.Wait()
				if refused == 0 || drops != 0 || st.s.Metrics().Dropped != 0 {
					st.t.Errorf("%d refused, %d × Drop", refused, drops)
				}
				st.readFiller()
				if f := st.p.frame(); f.op != opText || f.fin || string(f.payload) != "one" {
					st.t.Errorf("got %v", f)
				}
				for range 100 - refused {
					if f := st.p.frame(); f.op != opCont || f.fin || !bytes.Equal(f.payload, unit(0)) {
						st.t.Errorf("got %v", f)
					}
				}
				synctest.Wait()
				if err := st.c.SendWith(Text, []byte("end"), SendOptions{}); err != nil {
					st.t.Error(err)
				}
				if f := st.p.frame(); f.op != opCont || !f.fin || string(f.payload) != "end" {
					st.t.Errorf("got %v", f)
				}
			})
		})
	}
}

// While the socket takes nothing, control frames wait ahead of messages, and of pongs only the newest.
func TestHostile36PongsCoalesce(t *testing.T) {
	stall(t, Handler{}, Options{MaxBacklogBytes: backlogLimit, MaxControlsPerSecond: -1}, func(st *stalled) {
		k := st.fill()
		waits := st.c.Backlog()
		for i := range 1000 {
			st.p.send(opPinged, fmt.Append(nil, i%10))
		}
		synctest.Wait()
		if got := st.c.Backlog() - waits; got != 3 {
			st.t.Errorf("the pongs take %d bytes, want the 3 of one", got)
		}
		if err := st.c.Ping([]byte("ours")); err != nil {
			st.t.Error(err)
		}
		st.readFiller() // it had begun
		st.p.want(opPonged, []byte("9"))
		st.p.want(opPinged, []byte("ours"))
		st.read(0, k)
	})
}

// The pings and pongs that wait are bounded.
func TestControlFramesBounded(t *testing.T) {
	stall(t, Handler{}, Options{}, func(st *stalled) {
		for i := range maxControlFrames {
			if err := st.c.Ping([]byte{byte(i)}); err != nil {
				st.t.Fatal(err)
			}
		}
		if err := st.c.Ping(nil); err != ErrBacklogFull {
			st.t.Errorf("Ping: %v", err)
		}
		if err := st.c.Pong(nil); err != ErrBacklogFull {
			st.t.Errorf("Pong: %v", err)
		}
		st.readFiller()
		for i := range maxControlFrames {
			st.p.want(opPinged, []byte{byte(i)})
		}
		if err := st.c.Ping(nil); err != nil {
			st.t.Error(err)
		}
		st.p.want(opPinged, nil)
	})
}

// The closing frame goes behind all that was sent before it.
func TestHostile48CloseBehindBacklog(t *testing.T) {
	h, ended := ends(Handler{})
	stall(t, h, Options{MaxBacklogBytes: backlogLimit}, func(st *stalled) {
		k := st.fill()
		if err := st.c.Close(1000, "done"); err != nil {
			st.t.Fatal(err)
		}
		st.readFiller()
		st.read(0, k)
		if got := st.p.wantClose(1000); got != "done" {
			st.t.Errorf("got %q", got)
		}
		st.p.sendClose(1000, "")
		st.p.gone()
		if e := within(st.t, "Close", ended); !e.Clean {
			st.t.Errorf("got %+v", e)
		}
	})
}

// Who reads nothing of it is cut off when CloseTimeout is over.
func TestHostile48CloseCutOff(t *testing.T) {
	h, ended := ends(Handler{})
	stall(t, h, Options{MaxBacklogBytes: backlogLimit}, func(st *stalled) {
		st.fill()
		if err := st.c.Close(1000, "done"); err != nil {
			st.t.Fatal(err)
		}
		time.Sleep(DefaultCloseTimeout - 2*tick)
		synctest.Wait()
		if len(ended) > 0 || st.s.Metrics().Sockets != 1 {
			st.t.Error("it is cut off before CloseTimeout")
		}
		time.Sleep(4 * tick)
		synctest.Wait()
		if e := within(st.t, "Close", ended); e.Code != 1000 || e.Clean {
			st.t.Errorf("got %+v", e)
		}
		if m := st.s.Metrics(); m.Sockets != 0 || m.Memory != 0 {
			st.t.Errorf("%d sockets and %d bytes are left", m.Sockets, m.Memory)
		}
	})
}
