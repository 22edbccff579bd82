package engine

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// publish publishes units with the given numbers, each in a turn of its own, and waits until they are given out.
func (st *stalled) publish(top *Topic, key string, numbers ...int) {
	st.t.Helper()
	for _, n := range numbers {
		if q := top.PublishWith(Binary, unit(n), PublishOptions{Key: key}); q != 1 {
			st.t.Fatalf("unit %d is published to %d", n, q)
		}
		synctest.Wait()
	}
}

// got reads what waits of units, up to the number last.
func (st *stalled) got(last int) (numbers []int) {
	st.t.Helper()
	for {
		f := st.p.frame()
		if f.op != opBinary || len(f.payload) != len(unit(0)) {
			st.t.Fatalf("got %v", f)
		}
		n := int(binary.BigEndian.Uint32(f.payload))
		if numbers = append(numbers, n); n == last {
			return numbers
		}
	}
}

func upTo(from, to int) (numbers []int) {
	for n := from; n < to; n++ {
		numbers = append(numbers, n)
	}
	return numbers
}

// book notes what Drop got.
type book struct{ numbers []int }

func (b *book) handler() Handler {
	return Handler{Drop: func(_ *Conn, m Message) {
		b.numbers = append(b.numbers, int(binary.BigEndian.Uint32(m.Data)))
	}}
}

// The outcome of each policy is exact: what was dropped is counted and told, and what was not arrives.
func TestSubscribePolicies(t *testing.T) {
	const n = 50 // more than fit
	for _, test := range []struct {
		name    string
		options SubscribeOptions
		want    func(fits int) (arrive, drop []int)
		count   func(d Drops) uint64
	}{
		{"DropNewest", SubscribeOptions{Overflow: DropNewest}, func(k int) (arrive, drop []int) {
			return upTo(0, k), upTo(k, n)
		}, func(d Drops) uint64 { return d.Newest }},
		{"DropOldest", SubscribeOptions{Overflow: DropOldest}, func(k int) (arrive, drop []int) {
			return upTo(n-k, n), upTo(0, n-k)
		}, func(d Drops) uint64 { return d.Oldest }},
		{"Conflate", SubscribeOptions{Overflow: Conflate}, func(int) (arrive, drop []int) {
			return upTo(n-1, n), upTo(0, n-1)
		}, func(d Drops) uint64 { return d.Conflated }},
	} {
		t.Run(test.name, func(t *testing.T) {
			var b book
			stall(t, b.handler(), Options{MaxBacklogBytes: backlogLimit}, func(st *stalled) {
				b.numbers = nil
				var top Topic
				if err := top.SubscribeWith(st.c, test.options); err != nil {
					st.t.Fatal(err)
				}
				st.publish(&top, "", upTo(0, n)...)
				arrive, drop := test.want(st.fits())
				if !slices.Equal(b.numbers, drop) {
					st.t.Errorf("Drop got %v, want %v", b.numbers, drop)
				}
				if got := top.Dropped(); got != uint64(len(drop)) {
					st.t.Errorf("the topic has dropped %d, want %d", got, len(drop))
				}
				if owed := st.s.Owed(); owed != 0 {
					st.t.Errorf("%d deliveries are owed", owed)
				}
				if m := st.s.Metrics(); test.count(m.Drops) != uint64(len(drop)) || m.Drops.Total() != uint64(len(drop)) || m.Slow != 0 {
					st.t.Errorf("got %+v, want %d", m.Drops, len(drop))
				}
				if err := st.c.Ping([]byte("?")); err != nil { // behind what is being written, and before all else
					st.t.Error(err)
				}
				st.readFiller()
				st.p.want(opPinged, []byte("?"))
				if got := st.got(arrive[len(arrive)-1]); !slices.Equal(got, arrive) {
					st.t.Errorf("%v arrived, want %v", got, arrive)
				}
				synctest.Wait()
				if st.c.Backlog() != 0 || st.c.State() != Open {
					st.t.Errorf("%d bytes wait, state %v", st.c.Backlog(), st.c.State())
				}
			})
		})
	}
}

// A subscription may have a bound of its own, of whole KiB, below the connection's or above it.
func TestSubscribeBacklogBound(t *testing.T) {
	for _, test := range []struct {
		name        string
		conn, topic int
		bound       int
	}{
		{"below", 1 << 20, 10 << 10, 10 << 10},
		{"above", 10_000, 30_000, 30 << 10},
		{"rounded up", 1 << 20, 10_000, 10 << 10},
	} {
		t.Run(test.name, func(t *testing.T) {
			stall(t, Handler{}, Options{MaxBacklogBytes: test.conn}, func(st *stalled) {
				st.p.nc.SetDeadline(time.Time{})
				var top, plain Topic
				if err := top.SubscribeWith(st.c, SubscribeOptions{Overflow: DropNewest, MaxBacklogBytes: test.topic}); err != nil {
					st.t.Fatal(err)
				}
				fits := (test.bound - st.begun + 999) / 1000
				st.publish(&top, "", upTo(0, fits+5)...)
				if got, want := st.c.Backlog(), st.begun+1000*fits; got != want {
					st.t.Errorf("%d bytes wait, want %d", got, want)
				}
				if got := top.Dropped(); got != 5 {
					st.t.Errorf("%d are dropped, want 5", got)
				}
				if err := plain.SubscribeWith(st.c, SubscribeOptions{Overflow: DropNewest}); err != nil {
					st.t.Fatal(err)
				}
				st.publish(&plain, "", fits+5)
				if got, want := plain.Dropped() == 0, st.c.Backlog() > st.begun+1000*fits; got != want || want != (test.conn > test.bound) {
					st.t.Errorf("by the connection's own bound: dropped %d, %d bytes wait", plain.Dropped(), st.c.Backlog())
				}
			})
		})
	}
	var top Topic
	for _, wrong := range []int{-1, 64 << 20} {
		if err := top.SubscribeWith(nil, SubscribeOptions{MaxBacklogBytes: wrong}); err == nil {
			t.Errorf("a bound of %d is taken", wrong)
		}
	}
}

// CloseSlow closes with 1013, and what had entered arrives before that.
func TestSubscribeCloseSlow(t *testing.T) {
	var b book
	h, ended := ends(b.handler())
	stall(t, h, Options{MaxBacklogBytes: backlogLimit, Overflow: DropNewest}, func(st *stalled) {
		b.numbers = nil
		var top Topic
		top.SubscribeWith(st.c, SubscribeOptions{Overflow: CloseSlow})
		k := st.fits()
		st.publish(&top, "", upTo(0, k+1)...)
		if st.c.State() != Closing {
			st.t.Errorf("the state is %v", st.c.State())
		}
		st.readFiller()
		st.read(0, k)
		st.p.wantClose(1013)
		st.p.sendClose(1013, "")
		st.p.gone()
		if e := within(st.t, "Close", ended); !errors.Is(e, ErrBacklogFull) {
			st.t.Errorf("got %+v", e)
		}
		if m := st.s.Metrics(); m.Slow != 1 || m.Drops.Total() != 0 || len(b.numbers) != 0 || top.Len() != 0 {
			st.t.Errorf("got %+v, %v, %d subscribe", m, b.numbers, top.Len())
		}
	})
}

// A conflated reader ends on the newest value of every key, in the places of the first ones.
func TestConflateKeys(t *testing.T) {
	var b book
	stall(t, b.handler(), Options{MaxBacklogBytes: backlogLimit}, func(st *stalled) {
		b.numbers = nil
		var top, other Topic
		top.SubscribeWith(st.c, SubscribeOptions{Overflow: Conflate})
		other.SubscribeWith(st.c, SubscribeOptions{Overflow: Conflate})
		const keys = 10
		for n := range 500 {
			st.publish(&top, fmt.Sprint(n%keys), n)
		}
		st.publish(&other, "0", 1000) // another topic's key is another key
		if len(b.numbers) != 500-keys || st.s.Metrics().Drops.Conflated != 500-keys {
			st.t.Errorf("%d dropped, %+v", len(b.numbers), st.s.Metrics().Drops)
		}
		st.readFiller()
		if got, want := st.got(1000), append(upTo(490, 500), 1000); !slices.Equal(got, want) {
			st.t.Errorf("got %v, want %v", got, want)
		}
		// One that keeps up gets every one.
		for n := range 20 {
			st.publish(&top, "x", n)
			st.read(n, n+1)
		}
	})
}

// A key for which there is no room closes the connection: it must not miss it silently. One that waits needs none.
func TestConflateWithoutRoom(t *testing.T) {
	h, ended := ends(Handler{})
	stall(t, h, Options{MaxBacklogBytes: backlogLimit}, func(st *stalled) {
		var top Topic
		top.SubscribeWith(st.c, SubscribeOptions{Overflow: Conflate})
		k := st.fits()
		for n := range k {
			st.publish(&top, fmt.Sprint(n), n)
		}
		for n := range k {
			st.publish(&top, fmt.Sprint(n), n+100)
		}
		if st.c.State() != Open {
			st.t.Fatal("closed by what needs no room")
		}
		st.publish(&top, "one more", 999)
		if st.c.State() != Closing {
			st.t.Error("a key was lost")
		}
		st.readFiller()
		st.read(100, 100+k)
		st.p.wantClose(1013)
		st.p.sendClose(1013, "")
		st.p.gone()
		within(st.t, "Close", ended)
	})
}

// A topic's policy throws out its own messages, and none that was sent.
func TestPoliciesDoNotMix(t *testing.T) {
	var b book
	stall(t, b.handler(), Options{MaxBacklogBytes: backlogLimit}, func(st *stalled) {
		b.numbers = nil
		var top Topic
		top.SubscribeWith(st.c, SubscribeOptions{Overflow: DropOldest})
		st.publish(&top, "", 0, 1)
		half := st.fits() - 4
		for n := range half {
			if err := st.c.Send(Binary, unit(100+n)); err != nil {
				st.t.Fatal(err)
			}
		}
		st.publish(&top, "", 2, 3) // it is full now
		st.publish(&top, "", 4, 5)
		if err := st.c.Send(Binary, unit(900)); err != nil { // makes room rather than close
			st.t.Error(err)
		}
		synctest.Wait()
		if want := []int{0, 1, 2}; !slices.Equal(b.numbers, want) {
			st.t.Errorf("Drop got %v, want %v", b.numbers, want)
		}
		st.readFiller()
		want := append(upTo(100, 100+half), 3, 4, 5, 900)
		if got := st.got(900); !slices.Equal(got, want) {
			st.t.Errorf("got %v, want %v", got, want)
		}
	})
}

// Messages of a subscription leave when they have waited for MaxAge; those of Send, and of other topics, stay.
func TestSubscribeMaxAge(t *testing.T) {
	for _, o := range []Overflow{DropNewest, DropOldest, Conflate} {
		var b book
		stall(t, b.handler(), Options{MaxBacklogBytes: 1 << 20}, func(st *stalled) {
			b.numbers = nil
			var top, other Topic
			if err := top.SubscribeWith(st.c, SubscribeOptions{Overflow: o, MaxAge: 2 * time.Second}); err != nil {
				st.t.Fatal(err)
			}
			other.SubscribeWith(st.c, SubscribeOptions{Overflow: DropOldest, MaxAge: -1})
			for n := range 5 {
				st.publish(&top, fmt.Sprint(n), n)
			}
			st.publish(&other, "", 50)
			st.c.Send(Binary, unit(60))
			time.Sleep(1900 * time.Millisecond)
			synctest.Wait()
			if len(b.numbers) != 0 {
				st.t.Errorf("%v: too early: %v", o, b.numbers)
			}
			st.publish(&top, "5", 5)
			time.Sleep(1100 * time.Millisecond)
			synctest.Wait()
			if !slices.Equal(b.numbers, upTo(0, 5)) || st.s.Metrics().Drops.Expired != 5 {
				st.t.Errorf("%v: Drop got %v, %+v", o, b.numbers, st.s.Metrics().Drops)
			}
			st.readFiller()
			if got, want := st.got(5), []int{50, 60, 5}; !slices.Equal(got, want) {
				st.t.Errorf("%v: got %v, want %v", o, got, want)
			}
		})
	}
}

// A reader that takes a little now and then is never full, and is closed all the same: by the time that messages wait.
func TestHostile59SlowButNotStalled(t *testing.T) {
	h, ended := ends(Handler{})
	stall(t, h, Options{MaxBacklogBytes: 1 << 20}, func(st *stalled) {
		st.c.Send(Binary, unit(1))
		buf := make([]byte, 1)
		for range 29 {
			time.Sleep(time.Second)
			st.p.br.Read(buf)
		}
		synctest.Wait()
		if len(ended) > 0 || st.c.State() != Open {
			st.t.Fatal("closed before MaxBacklogAge")
		}
		for range 3 {
			time.Sleep(time.Second)
			st.p.br.Read(buf)
		}
		synctest.Wait()
		if st.c.State() != Closing || st.s.Metrics().Slow != 1 {
			st.t.Fatalf("the state is %v, %+v", st.c.State(), st.s.Metrics())
		}
		time.Sleep(6 * time.Second)
		if e := within(st.t, "Close", ended); e.Code != 1013 {
			st.t.Errorf("got %+v", e)
		}
	})
}

// With a policy that drops, what waited for too long is dropped, and its sender told.
func TestMaxBacklogAge(t *testing.T) {
	var b book
	stall(t, b.handler(), Options{MaxBacklogBytes: 1 << 20, MaxBacklogAge: 3 * time.Second, Overflow: DropNewest}, func(st *stalled) {
		b.numbers = nil
		var told error
		st.c.SendWith(Binary, unit(1), SendOptions{Done: func(err error) { told = err }})
		time.Sleep(4 * time.Second)
		synctest.Wait()
		if !slices.Equal(b.numbers, []int{1}) || told != ErrTimeout {
			st.t.Errorf("Drop got %v, Done %v", b.numbers, told)
		}
		st.c.Send(Binary, unit(2))
		st.readFiller()
		st.read(2, 3)
	})
}

// What is written within MaxBacklogAge is not dropped.
func TestHostile68Reopens(t *testing.T) {
	stall(t, Handler{Drop: func(*Conn, Message) { t.Error("Drop is called") }}, Options{MaxBacklogBytes: 1 << 20}, func(st *stalled) {
		for n := range 100 {
			st.c.Send(Binary, unit(n))
		}
		time.Sleep(25 * time.Second)
		st.readFiller()
		st.read(0, 100)
	})
}

// The frames that wait are bounded too: each takes memory besides its bytes.
func TestBacklogFrames(t *testing.T) {
	stall(t, Handler{}, Options{MaxBacklogBytes: backlogLimit, Overflow: DropNewest}, func(st *stalled) {
		n := 0
		for st.c.Send(Text, nil) == nil {
			n++
		}
		if want := minBacklogFrames - 1; n != want { // one is the filler's
			st.t.Errorf("%d wait, want %d", n, want)
		}
		st.readFiller()
	})
}

// A second SubscribeWith changes the policy of what is published from then on; a second Subscribe does not.
func TestSubscribeAgain(t *testing.T) {
	stall(t, Handler{}, Options{MaxBacklogBytes: backlogLimit}, func(st *stalled) {
		var top Topic
		top.Subscribe(st.c) // CloseSlow
		top.SubscribeWith(st.c, SubscribeOptions{Overflow: DropNewest})
		top.Subscribe(st.c)
		k := st.fits()
		st.publish(&top, "", upTo(0, k+3)...)
		if m := st.s.Metrics(); m.Drops.Newest != 3 || top.Len() != 1 {
			st.t.Errorf("got %+v, %d subscribe", m, top.Len())
		}
		st.readFiller()
		st.read(0, k)
	})
}

func TestSubscribeErrors(t *testing.T) {
	s := usual.serve(t, Handler{}, nil)
	p := s.open()
	c := s.only()
	var top Topic
	if err := top.SubscribeWith(c, SubscribeOptions{Overflow: Conflate + 1}); err == nil || top.Len() != 0 {
		t.Errorf("got %v, %d subscribe", err, top.Len())
	}
	p.closing()
	s.idle()
	if err := top.SubscribeWith(c, SubscribeOptions{}); !errors.Is(err, errClosed) {
		t.Errorf("a closed one: %v", err)
	}
}
