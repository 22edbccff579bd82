// Package cases is what the programs of interop have in common: a client runs cases and says of each whether it
// passed, a server says where it listens, and both know the same messages.
//
// A server echoes; at /parts it does so in fragments. The message "close CODE REASON" has it close the connection, and
// it speaks the subprotocol weir.test.
package cases

import (
	"bytes"
	"fmt"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strings"
)

// MaxMessageBytes is the largest message.
const MaxMessageBytes = 16 << 20

// Subprotocol is what servers and clients agree on.
const Subprotocol = "weir.test"

// Sizes are the lengths of messages: those where the form of a frame's length changes, and the largest.
var Sizes = []int{0, 1, 125, 126, 65535, 65536, 1 << 20, MaxMessageBytes}

// Texts are text messages.
var Texts = []string{"", "hello", "ä€😀", strings.Repeat("€", 100_000)}

// Closes are codes and reasons of closing frames.
var Closes = []struct {
	Code   int
	Reason string
}{{1000, ""}, {1001, "going"}, {1011, "ä€😀"}, {3000, strings.Repeat("x", 123)}, {4999, "mine"}}

// Blob returns n bytes, always the same.
func Blob(n int) []byte {
	b := make([]byte, n)
	seed := rand.NewChaCha8([32]byte{1})
	_, _ = seed.Read(b) // never fails
	return b
}

// Same says that what came back is not what was sent.
func Same(got, want []byte) error {
	if !bytes.Equal(got, want) {
		return fmt.Errorf("%d bytes came back as %d, %.40q", len(want), len(got), got)
	}
	return nil
}

// ParseClose reads "close CODE REASON".
func ParseClose(message []byte) (code int, reason string, ok bool) {
	rest, ok := strings.CutPrefix(string(message), "close ")
	if !ok {
		return 0, "", false
	}
	number, reason, _ := strings.Cut(rest, " ")
	_, err := fmt.Sscan(number, &code)
	return code, reason, err == nil
}

// Case is one test of a client.
type Case struct {
	Name string
	Run  func() error
}

// Main serves when the program has no arguments, and runs the cases of a client against the URL in the first one
// otherwise.
func Main(serve http.HandlerFunc, client func(url string) []Case) {
	log.SetFlags(0)
	if len(os.Args) == 1 {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println("listening on", ln.Addr())
		log.Fatal(http.Serve(ln, serve))
	}
	for _, c := range client(os.Args[1]) {
		if err := c.Run(); err != nil {
			fmt.Printf("not ok %s: %s\n", c.Name, strings.ReplaceAll(err.Error(), "\n", " "))
			continue
		}
		fmt.Println("ok", c.Name)
	}
}
