package engine

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
)

// conns is a Handler that gives its connections out.
func conns() (Handler, <-chan *Conn) {
	ch := make(chan *Conn, 16)
	return Handler{Open: func(c *Conn) { ch <- c }}, ch
}

// message reads frames until one is the last of its message, and control frames apart.
func (p *peer) message() (frames []string) {
	p.t.Helper()
	for {
		f := p.frame()
		frames = append(frames, fmt.Sprintf("%d %q", f.op, f.payload))
		if f.fin {
			return frames
		}
	}
}

// Nothing comes between the fragments of a Writer: messages, prepared ones, publications and other Writers wait.
func TestWriterAlone(t *testing.T) {
	eachMode(t, func(t *testing.T, r rig) {
		h, opened := conns()
		s := r.serve(t, h, nil)
		p := s.open()
		c := within(t, "Open", opened)
		var top Topic
		top.Subscribe(c)
		w := c.Writer(Text)
		if n, err := io.WriteString(w, "one "); n != 4 || err != nil {
			t.Errorf("got %d, %v", n, err)
		}
		done := make(chan error, 1)
		if err := c.SendWith(Binary, []byte("sent"), SendOptions{Done: func(err error) { done <- err }}); err != nil {
			t.Error(err)
		}
		prepared, err := Prepare(Text, []byte("prepared"))
		if err != nil {
			t.Fatal(err)
		}
		if err := c.SendPrepared(prepared); err != nil {
			t.Error(err)
		}
		if err := c.SendWith(Text, nil, SendOptions{More: true}); err != ErrBacklogFull {
			t.Errorf("a fragment of another message: %v", err)
		}
		top.Publish(Text, []byte("published"))
		eventually(t, "the publication is made", func() bool { return s.Owed() == 0 })
		second := make(chan error, 1)
		go func() {
			w := c.Writer(Text)
			io.WriteString(w, "second")
			second <- w.Close()
		}()
		eventually(t, "the second waits", func() bool { c.mu.Lock(); defer c.mu.Unlock(); return c.more.room != nil })
		c.Ping([]byte("between"))
		io.WriteString(w, "two")
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		if _, err := io.WriteString(w, "more"); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("Write after Close: %v", err)
		}
		var got []string
		for len(got) < 9 {
			got = append(got, p.message()...)
		}
		want := []string{`1 "one "`, `9 "between"`, `0 "two"`, `0 ""`, `2 "sent"`, `1 "prepared"`, `1 "published"`, `1 "second"`, `0 ""`}
		if strings.Join(got, ",") != strings.Join(want, ",") {
			t.Errorf("got %v, want %v", got, want)
		}
		if err := within(t, "Done", done); err != nil {
			t.Errorf("Done: %v", err)
		}
		if err := within(t, "the second Writer", second); err != nil {
			t.Error(err)
		}
		// One without a Write is an empty message.
		if err := c.Writer(Binary).Close(); err != nil {
			t.Error(err)
		}
		p.want(opBinary, nil)
		p.closing()
	})
}

// What waits for a Writer is bounded, and told of when the connection ends.
func TestWriterLeftOpen(t *testing.T) {
	h, opened := conns()
	s := usual.serve(t, h, &Options{MaxBacklogBytes: 1000, Overflow: DropNewest})
	p := s.open()
	c := within(t, "Open", opened)
	w := c.Writer(Text)
	io.WriteString(w, "begun")
	told := make(chan error, 100)
	for n := range 100 {
		err := c.SendWith(Text, blob(100), SendOptions{Done: func(err error) { told <- err }})
		if n > 10 {
			if err != ErrBacklogFull {
				t.Errorf("message %d: %v", n, err)
			}
			close(told)
			break
		}
		if err == ErrBacklogFull && n > 5 {
			break
		}
		if err != nil {
			t.Errorf("message %d: %v", n, err)
		}
	}
	c.CloseNow()
	p.frame()
	if err := within(t, "Done", told); err != net.ErrClosed {
		t.Errorf("Done: %v", err)
	}
	s.idle()
	if _, err := io.WriteString(w, "x"); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Write: %v", err)
	}
}

// Who waits for a Writer is told of the end also if the peer had ended before, and the server ends before all is written.
func TestWriterLeftOpenByAll(t *testing.T) {
	eachMode(t, func(t *testing.T, r rig) {
		h, opened := conns()
		s := r.serve(t, h, nil)
		p := s.open()
		c := within(t, "Open", opened)
		blocked := func() bool { c.mu.Lock(); defer c.mu.Unlock(); return c.blocked }
		for w := c.Writer(Binary); !blocked(); {
			if _, err := w.Write(blob(32 << 10)); err != nil {
				t.Fatal(err)
			}
		}
		told := make(chan error, 1)
		if err := c.SendWith(Text, nil, SendOptions{Done: func(err error) { told <- err }}); err != nil {
			t.Fatal(err)
		}
		p.half()
		eventually(t, "it is closing", func() bool { return c.State() == Closing })
		s.Close()
		if err := within(t, "Done", told); err != net.ErrClosed {
			t.Errorf("Done: %v", err)
		}
	})
}

// Many Writers at a time, of a client too: each message is whole.
func TestWriters(t *testing.T) {
	server, client := socketPair(t, &Options{Loops: 2})
	const writers, messages = 8, 20
	var all sync.WaitGroup
	for n := range writers {
		all.Go(func() {
			for range messages {
				w := client.Conn().Writer(Text)
				for range 5 {
					fmt.Fprint(w, n)
				}
				if err := w.Close(); err != nil {
					t.Error(err)
				}
				client.Conn().SendText("x")
			}
		})
	}
	seen := map[string]int{}
	for range 2 * writers * messages {
		m, err := server.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		seen[m.String()]++
	}
	all.Wait()
	for n := range writers {
		if got := seen[strings.Repeat(fmt.Sprint(n), 5)]; got != messages {
			t.Errorf("writer %d: %d messages", n, got)
		}
	}
	if seen["x"] != writers*messages {
		t.Errorf("%d others", seen["x"])
	}
}

func TestSendFromFails(t *testing.T) {
	for _, c := range []struct {
		name   string
		r      io.Reader
		closed bool
	}{
		{"at once", iotest.ErrReader(errors.New("broken")), false},
		{"later", io.MultiReader(strings.NewReader("some"), iotest.ErrReader(errors.New("broken"))), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			h, opened := conns()
			s := usual.serve(t, h, nil)
			p := s.open()
			conn := within(t, "Open", opened)
			if err := conn.SendFrom(Text, c.r); err == nil || err.Error() != "broken" {
				t.Errorf("got %v", err)
			}
			if !c.closed {
				conn.SendText("still there")
				p.wantText("still there")
				p.closing()
				return
			}
			p.frame()
			p.wantClose(1011)
		})
	}
}

// Fragment gets pieces of whatever comes, beyond all limits, and all the bytes.
func TestFragment(t *testing.T) {
	eachMode(t, func(t *testing.T, r rig) {
		type whole struct {
			kind         Kind
			size, pieces int
		}
		got := make(chan whole, 10)
		var now whole
		s := r.serve(t, Handler{
			Message: func(*Conn, Message) { t.Error("Message is called") },
			Fragment: func(_ *Conn, f Fragment) {
				now.kind = f.Kind
				now.size += len(f.Data)
				now.pieces++
				if f.Last {
					got <- now
					now = whole{}
				}
			},
		}, &Options{MaxMessageBytes: 100, MaxFragments: 2})
		p := s.open()
		const size = 1 << 20
		go p.write(join(maskedFrame(0x02, blob(size)), maskedFrame(0x89, []byte("?")), maskedFrame(0x00, nil), maskedFrame(0x00, blob(10)), maskedFrame(0x80, nil), text("short")))
		p.want(opPonged, []byte("?"))
		if w := within(t, "a message", got); w.kind != Binary || w.size != size+10 || w.pieces < 4 {
			t.Errorf("got %+v", w)
		}
		if w := within(t, "a message", got); w != (whole{Text, 5, 1}) {
			t.Errorf("got %+v", w)
		}
		// Text is checked across pieces.
		p.write(join(maskedFrame(0x01, []byte("\xc3")), maskedFrame(0x00, []byte("\xa9")), maskedFrame(0x80, []byte("\xff"))))
		p.wantClose(1007)
	})
}
