package engine

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

var rewrite = flag.Bool("rewrite", false, "write the transcripts of the scripts in testdata anew")

// TestScripts runs the scripts of testdata on fake time, with workers and inline: the transcript must be the same.
//
// A script is blocks of commands, each with the transcript that it brings about below a line of dashes. A line of the
// transcript says when, on which connection, and what: "<" is a callback of the program, ">" what its peer gets.
//
//	server keepalive=30s handler=echo ...   options, and what the handler does
//	dial a                                  a peer that says nothing yet
//	open a ["/path" "Name: value" ...]      one that shakes hands
//	recv a text "hi" | part "h" | cont "i" | last "i" | bin "x" | ping "x" | pong "x" | close 1000 "why" | close | raw 81 80 ...
//	half a, fin a, deaf a, hear a           the peer ends its side or all, stops reading, reads on
//	send a text "hi" | part "h" | bin "x" | ping "x" | pong "x" | close 1000 "why" | kill | pause | resume | bytes 1000
//	tick 30s                                time passes
//	stall 10s                               so much time, in which the loops stand still
//	shutdown, metrics
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txt")
		for _, inline := range []bool{false, true} {
			t.Run(name+choose(inline, "/inline", "/workers"), func(t *testing.T) {
				text, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				var got string
				synctest.Test(t, func(t *testing.T) { got = play(t, string(text), inline) })
				if got == string(text) {
					return
				}
				if *rewrite && !inline {
					if err := os.WriteFile(file, []byte(got), 0o666); err != nil {
						t.Fatal(err)
					}
					return
				}
				t.Errorf("%s: the transcript is another (-rewrite writes it):\n%s", file, difference(string(text), got))
			})
		}
	}
}

// difference is the first line in which two texts differ, with some around it.
func difference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	i := 0
	for i < len(w) && i < len(g) && w[i] == g[i] {
		i++
	}
	from := max(0, i-8)
	return fmt.Sprintf("line %d\n%s\n- %s\n+ %s", i+1, strings.Join(g[from:min(i, len(g))], "\n"),
		strings.Join(w[min(i, len(w)):min(i+4, len(w))], "\n- "), strings.Join(g[min(i, len(g)):min(i+4, len(g))], "\n+ "))
}

// stage is a script that runs.
type stage struct {
	t      *testing.T
	inline bool
	start  time.Time
	s      *running
	actors map[string]*actor

	mu    sync.Mutex
	names map[*Conn]string
	app   []string // of this block
	wire  []string

	ordered int // how much of app order has seen
}

// actor is a peer of the script.
type actor struct {
	name string
	st   *stage
	nc   net.Conn
	c    *Conn
	ears chan struct{} // holds a token while the actor reads
}

// play runs a script and returns it with the transcripts that came about.
func play(t *testing.T, text string, inline bool) string {
	st := &stage{t: t, inline: inline, start: time.Now(), actors: map[string]*actor{}, names: map[*Conn]string{}}
	var out strings.Builder
	old := false // in a transcript
	for _, line := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		switch {
		case line == "----":
			old = true
			fmt.Fprintln(&out, line)
			st.flush(&out)
		case line == "":
			old = false
			fmt.Fprintln(&out)
		case old:
		default:
			fmt.Fprintln(&out, line)
			if !strings.HasPrefix(line, "#") {
				st.do(line)
				synctest.Wait()
				st.order()
			}
		}
	}
	for _, a := range st.actors {
		a.nc.Close()
		a.hear()
	}
	return out.String()
}

// flush writes what has happened: first what the program saw, then what its peers did.
func (st *stage) flush(w io.Writer) {
	st.mu.Lock()
	defer st.mu.Unlock()
	slices.SortStableFunc(st.wire, func(a, b string) int { return strings.Compare(who(a), who(b)) })
	for _, line := range append(st.app, st.wire...) {
		fmt.Fprintln(w, line)
	}
	st.app, st.wire, st.ordered = nil, nil, 0
}

// order has what several connections saw at one time, through one command, in the order of their names: workers have
// none.
func (st *stage) order() {
	st.mu.Lock()
	defer st.mu.Unlock()
	slices.SortStableFunc(st.app[st.ordered:], func(a, b string) int { return cmp.Or(cmp.Compare(when(a), when(b)), strings.Compare(who(a), who(b))) })
	st.ordered = len(st.app)
}

func who(line string) string { return strings.Fields(line)[1] }

func when(line string) time.Duration {
	d, err := time.ParseDuration(strings.Fields(line)[0])
	if err != nil {
		panic(err)
	}
	return d
}

func (st *stage) note(to *[]string, format string, args ...any) {
	st.mu.Lock()
	defer st.mu.Unlock()
	at := time.Since(st.start).Round(time.Millisecond)
	*to = append(*to, fmt.Sprintf("%-6v ", at)+fmt.Sprintf(format, args...))
}

func (st *stage) saw(c *Conn, format string, args ...any) {
	st.mu.Lock()
	name := st.names[c]
	st.mu.Unlock()
	st.note(&st.app, "%s < %s", name, fmt.Sprintf(format, args...))
}

// handler writes down what the program sees, and does what the script's server is to do.
func (st *stage) handler(kind string) Handler {
	return Handler{
		Open: func(c *Conn) { st.saw(c, "open") },
		Message: func(c *Conn, m Message) {
			st.saw(c, "%v %s", m.Kind, short(m.Data))
			switch kind {
			case "echo":
				c.Send(m.Kind, m.Data)
			case "panic":
				panic("as the script says")
			}
		},
		Ping:  func(c *Conn, b []byte) { st.saw(c, "ping %s", short(b)) },
		Pong:  func(c *Conn, b []byte) { st.saw(c, "pong %s", short(b)) },
		Drain: func(c *Conn) { st.saw(c, "drain") },
		Drop:  func(c *Conn, m Message) { st.saw(c, "drop %v %s", m.Kind, short(m.Data)) },
		Close: func(c *Conn, err error) {
			var e *CloseError
			errors.As(err, &e)
			line := fmt.Sprintf("close %d", e.Code)
			if e.Reason != "" {
				line += fmt.Sprintf(" %q", e.Reason)
			}
			line += choose(e.Peer, " by the peer", "") + choose(e.Clean, " clean", "")
			if e.Err != nil {
				line += ": " + e.Err.Error()
			}
			st.saw(c, "%s", line)
		},
	}
}

// short is b as it stands in a transcript.
func short(b []byte) string {
	if len(b) > 40 {
		return fmt.Sprintf("(%d bytes)", len(b))
	}
	return strconv.Quote(string(b))
}

// do runs one command.
func (st *stage) do(line string) {
	words := split(st.t, line)
	switch words[0] {
	case "server":
		st.server(words[1:])
		return
	case "tick":
		time.Sleep(st.duration(words[1]))
		return
	case "stall":
		d := st.duration(words[1]) + tick/2 // not at the moment of a tick
		for _, l := range st.s.core.loops {
			l.poll.Do(func() { time.Sleep(d) })
		}
		time.Sleep(d)
		return
	case "shutdown":
		go st.s.Shutdown(st.t.Context()) // ends at the script's end
		return
	case "metrics":
		st.metrics()
		return
	case "dial", "open":
		st.dial(words[1], words[0] == "open", words[2:])
		return
	}
	a := st.actors[words[1]]
	if a == nil {
		st.t.Fatalf("%q: who is %s?", line, words[1])
	}
	switch words[0] {
	case "recv":
		a.put(parseFrame(st.t, words[2:]))
	case "raw":
		s := strings.Join(words[2:], "")
		a.put([]byte(s))
	case "fin":
		a.nc.Close()
		a.hear()
	case "deaf":
		<-a.ears
		_ = a.nc.SetReadDeadline(st.start) // ends the read that is under way
	case "hear":
		a.hear()
	case "send":
		a.send(words[2:])
	default:
		st.t.Fatalf("%q is no command", line)
	}
}

func (st *stage) duration(s string) time.Duration {
	d, err := time.ParseDuration(s)
	if err != nil {
		st.t.Fatal(err)
	}
	return d
}

// split cuts a line at its spaces, but for those between quotes.
func split(t *testing.T, line string) (words []string) {
	for line = strings.TrimSpace(line); line != ""; line = strings.TrimSpace(line) {
		if line[0] != '"' {
			word, rest, _ := strings.Cut(line, " ")
			words, line = append(words, word), rest
			continue
		}
		quoted, err := strconv.QuotedPrefix(line)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		word, _ := strconv.Unquote(quoted)
		words, line = append(words, word), line[len(quoted):]
	}
	return words
}

// server starts the Server: options are written as field=value.
func (st *stage) server(words []string) {
	o := Options{}
	kind := "mute"
	for _, w := range words {
		name, value, _ := strings.Cut(w, "=")
		if name == "handler" {
			kind = value
			continue
		}
		f := reflect.ValueOf(&o).Elem().FieldByNameFunc(func(s string) bool { return strings.EqualFold(s, name) })
		switch {
		case !f.IsValid():
			st.t.Fatalf("Options has no %s", name)
		case f.Type() == reflect.TypeFor[time.Duration]():
			if value == "off" {
				value = "-1ns"
			}
			f.SetInt(int64(st.duration(value)))
		case f.CanInt():
			n, err := strconv.ParseInt(value, 0, 64)
			if err != nil {
				st.t.Fatal(err)
			}
			f.SetInt(n)
		case f.Type() == reflect.TypeFor[Overflow]():
			f.SetUint(uint64(slices.Index([]string{"", "closeslow", "dropnewest", "dropoldest"}, value)))
		case f.Kind() == reflect.Bool:
			f.SetBool(value == "true")
		default:
			st.t.Fatalf("Options.%s can't be set by a script", name)
		}
	}
	r := rig{inline: st.inline, loops: 1, streams: true}
	st.s = r.make(st.t, st.handler(kind), &o)
	if kind == "panic" {
		st.s.panics = 1
	}
}

func (st *stage) metrics() {
	m := st.s.Metrics()
	for _, part := range []any{struct{ Conns, Sockets int64 }{m.Conns, m.Sockets}, m.LoopMetrics, struct{ Panics uint64 }{m.Panics}} {
		m := reflect.ValueOf(part)
		for i := range m.NumField() {
			name := m.Type().Field(i).Name
			if v := m.Field(i); v.Kind() != reflect.Struct && !v.IsZero() && (name != "Conns" || m.NumField() == 2) {
				st.note(&st.app, "metrics: %s %v", name, v)
			}
		}
	}
}

// dial connects an actor as an accepted socket would be.
func (st *stage) dial(name string, shake bool, words []string) {
	ours, theirs := net.Pipe()
	_, h := st.s.deal(nil, netip.AddrPort{})
	c := (*Conn)(h.(*wire))
	a := &actor{name: name, st: st, nc: ours, c: c, ears: make(chan struct{}, 1)}
	a.hear()
	st.mu.Lock()
	st.names[c] = name
	st.mu.Unlock()
	st.actors[name] = a
	if err := st.s.core.poll.Attach(nil, theirs, nil, &c.sock, h); err != nil {
		st.t.Fatal(err)
	}
	go a.listen() // ends with the pipe
	if shake {
		path := "/"
		if len(words) > 0 {
			path, words = words[0], words[1:]
		}
		a.put([]byte(ask(path, words...)))
	}
}

// put writes for the server to receive, as far as it takes it.
func (a *actor) put(b []byte) {
	go func() { _, _ = a.nc.Write(b) }() // ends with the pipe
}

func (a *actor) hear() {
	_ = a.nc.SetReadDeadline(time.Time{}) // the read tells
	select {
	case a.ears <- struct{}{}:
	default:
	}
}

// Read reads what has come for the actor, once it hears.
func (a *actor) Read(b []byte) (int, error) {
	for {
		<-a.ears
		a.ears <- struct{}{}
		n, err := a.nc.Read(b)
		if n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			return n, err
		}
	}
}

// listen writes down what the actor gets.
func (a *actor) listen() {
	got := func(format string, args ...any) {
		a.st.note(&a.st.wire, "%s > %s", a.name, fmt.Sprintf(format, args...))
	}
	br := bufio.NewReader(a)
	r, err := http.ReadResponse(br, &http.Request{Method: "GET"})
	if err != nil {
		got("end")
		return
	}
	got("%d", r.StatusCode)
	if r.StatusCode != 101 {
		if b, err := io.ReadAll(r.Body); err == nil {
			got("%q", b)
		}
		_, _ = br.ReadByte()
		got("end")
		return
	}
	for {
		f, err := readWire(br)
		if err != nil {
			got("end")
			return
		}
		got("%s", frameText(f))
	}
}

// frameText is a frame as it stands in a transcript.
func frameText(f wireFrame) string {
	name := map[byte]string{opCont: "cont", opText: "text", opBinary: "bin", opClosed: "close", opPinged: "ping", opPonged: "pong"}[f.op]
	if f.masked || f.rsv != 0 || name == "" {
		return "bad frame " + f.String()
	}
	switch {
	case f.op == opClosed && len(f.payload) >= 2:
		return fmt.Sprintf("close %d %q", int(f.payload[0])<<8|int(f.payload[1]), f.payload[2:])
	case f.op == opClosed:
		return "close"
	case f.op == opCont && f.fin:
		name = "last"
	case f.op < opCont || !f.fin && f.op != opCont:
		name += " part"
	}
	return name + " " + short(f.payload)
}

// parseFrame is the opposite of frameText, for frames of a client; several may follow each other.
func parseFrame(t *testing.T, words []string) (b []byte) {
	heads := map[string]byte{"text": 0x81, "bin": 0x82, "part": 0x01, "cont": 0x00, "last": 0x80, "ping": 0x89, "pong": 0x8a}
	for len(words) > 0 {
		head, known := heads[words[0]]
		switch {
		case known && len(words) > 1:
			b = append(b, maskedFrame(head, []byte(words[1]))...)
			words = words[2:]
		case words[0] == "close" && len(words) > 2:
			code, err := strconv.Atoi(words[1])
			if err != nil {
				t.Fatal(err)
			}
			b = append(b, maskedFrame(0x88, closePayload(code, words[2]))...)
			words = words[3:]
		case words[0] == "close":
			b = append(b, maskedFrame(0x88, nil)...)
			words = words[1:]
		case words[0] == "raw":
			raw, err := hex.DecodeString(strings.Join(words[1:], ""))
			if err != nil {
				t.Fatal(err)
			}
			return append(b, raw...)
		default:
			t.Fatalf("%q is no frame", words)
		}
	}
	return b
}

// send has the program call a method of the actor's Conn.
func (a *actor) send(words []string) {
	c := a.c
	var err error
	switch words[0] {
	case "text":
		err = c.Send(Text, []byte(words[1]))
	case "bin":
		err = c.Send(Binary, []byte(words[1]))
	case "bytes":
		n, _ := strconv.Atoi(words[1])
		err = c.Send(Binary, bytes.Repeat([]byte{'.'}, n))
	case "part":
		err = c.SendWith(Text, []byte(words[1]), SendOptions{More: true})
	case "ping":
		err = c.Ping([]byte(words[1]))
	case "pong":
		err = c.Pong([]byte(words[1]))
	case "close":
		code, _ := strconv.Atoi(words[1])
		err = c.Close(StatusCode(code), words[2])
	case "kill":
		err = c.CloseNow()
	case "pause":
		c.Pause()
	case "resume":
		c.Resume()
	default:
		a.st.t.Fatalf("%q can't be sent", words)
	}
	if err != nil {
		a.st.note(&a.st.app, "%s < error: %v", a.name, err)
	}
}
