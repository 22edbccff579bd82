package million

import (
	"bufio"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"
)

// fakeFault names, in the environment, what is wrong with the server that this test
// binary becomes when it is set.
const fakeFault = "WEIR_MILLION_FAKE"

// The faults.
const (
	faultNone   = "none"
	faultRefuse = "refuse" // no upgrade for the culprit
	faultAccept = "accept" // a wrong Sec-WebSocket-Accept for the culprit
	faultEcho   = "echo"   // wrong text from the culprit
	faultPong   = "pong"   // a wrong pong from the culprit
	faultFat    = "fat"    // much memory for each connection
	faultExit   = "exit"   // the server ends with the culprit's upgrade
	faultSilent = "silent" // it ends before it listens
)

// culprit is the number of the connection that a fault is about.
const culprit = 7

func TestMain(m *testing.M) {
	if fault := os.Getenv(fakeFault); fault != "" {
		if err := fake(fault); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// faker is a server with a fault, by the interface of weir echo.
type faker struct {
	fault string
	mu    sync.Mutex
	held  int
	fat   [][]byte
}

// fake serves until it is killed.
func fake(fault string) error {
	if fault == faultSilent {
		return fmt.Errorf("no address is good enough")
	}
	flags := flag.NewFlagSet("fake", flag.ExitOnError)
	listen, stats := flags.String("listen", "", ""), flags.String("stats", "", "")
	flags.Duration("keepalive", 0, "")
	flags.Bool("lock-memory", false, "")
	_ = flags.Parse(os.Args[1:]) // ExitOnError
	ln, err := net.Listen("tcp", *listen)
	if err != nil {
		return err
	}
	counters, err := net.Listen("tcp", *stats)
	if err != nil {
		return err
	}
	f := &faker{fault: fault}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /stats", f.tell)
	mux.HandleFunc("POST /trim", func(w http.ResponseWriter, r *http.Request) {
		runtime.GC()
		f.tell(w, r)
	})
	go func() { _ = http.Serve(counters, mux) }() // ends with the process
	fmt.Printf("fake on ws://%s/ as asked\nstats on http://%s/stats\n", ln.Addr(), counters.Addr())
	return http.Serve(ln, http.HandlerFunc(f.upgrade))
}

func (f *faker) tell(w http.ResponseWriter, _ *http.Request) {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	f.mu.Lock()
	defer f.mu.Unlock()
	_ = json.NewEncoder(w).Encode(map[string]any{"connections": f.held, "heap_bytes": m.HeapAlloc}) // the client has gone
}

func (f *faker) upgrade(w http.ResponseWriter, r *http.Request) {
	asked := r.Header.Get("Sec-WebSocket-Key")
	nonce, err := base64.StdEncoding.DecodeString(asked)
	if err != nil || len(nonce) != 16 {
		http.Error(w, "no key", http.StatusBadRequest)
		return
	}
	fault := ""
	if binary.BigEndian.Uint64(nonce) == culprit {
		fault = f.fault
	}
	answer := accept([]byte(asked))
	switch fault {
	case faultRefuse:
		http.Error(w, "no", http.StatusServiceUnavailable)
		return
	case faultExit:
		fmt.Fprintln(os.Stderr, "this is too much")
		os.Exit(3)
	case faultAccept:
		answer = accept([]byte("another key"))
	}
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	f.hold(1)
	defer f.hold(-1)
	fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n", answer)
	for answerFrame(conn, rw.Reader, fault) == nil {
	}
}

// hold counts a connection.
func (f *faker) hold(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.held += n; f.fault == faultFat {
		f.fat = append(f.fat, make([]byte, 64<<10))
		for i := range f.fat[len(f.fat)-1] {
			f.fat[len(f.fat)-1][i] = 1
		}
	}
}

// answerFrame reads a frame and sends what is owed, but for the fault.
func answerFrame(conn net.Conn, r *bufio.Reader, fault string) error {
	var head [6]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return err
	}
	payload := make([]byte, head[1]&^maskBit)
	if _, err := io.ReadFull(r, payload); err != nil {
		return err
	}
	for i := range payload {
		payload[i] ^= head[2+i&3]
	}
	op := head[0] &^ finBit
	if op == opPing {
		op = opPong
	}
	if op == opText && fault == faultEcho || op == opPong && fault == faultPong {
		payload[len(payload)-1] ^= 1
	}
	_, err := conn.Write(append([]byte{finBit | op, byte(len(payload))}, payload...))
	return err
}

// quick are options for a small run on this machine with a server that has a fault.
func quick(t *testing.T, fault string) Options {
	t.Setenv(fakeFault, fault)
	return Options{
		Conns: 300, Way: Host, Budget: -1, Server: []string{os.Args[0]},
		Idle: time.Millisecond, Settle: time.Millisecond, Timeout: time.Minute,
	}
}
