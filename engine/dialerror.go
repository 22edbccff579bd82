package engine

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/weirws/weir/codec"
)

// DialError is a handshake that the server answered otherwise than with 101, or
// a proxy that did not let it pass: ws's unexpected-response.
type DialError struct {
	Status int
	Header http.Header
	Body   []byte // the beginning of it, up to 4 KiB
	Proxy  bool   // the answer is the proxy's
	Err    error
}

// Error says which status it was.
func (e *DialError) Error() string {
	who := "server"
	if e.Proxy {
		who = "proxy"
	}
	return fmt.Sprintf("the %s answered %d %s", who, e.Status, http.StatusText(e.Status))
}

// Unwrap returns what is wrong with the answer as a handshake.
func (e *DialError) Unwrap() error { return e.Err }

// readAnswer reads an answer from nc until it has all of its head, which is
// b[:n] and within lim. Interim answers are passed over.
func readAnswer(nc net.Conn, answer *codec.Response, lim codec.Limits) (b []byte, n int, err error) {
	b = make([]byte, 0, DefaultMaxHeadBytes+1)
	for {
		if len(b) == cap(b) {
			b = slices.Grow(b, len(b))
		}
		got, err := nc.Read(b[len(b):cap(b)])
		b = b[:len(b)+got]
		for {
			n, perr := answer.Parse(b, lim)
			if perr != nil {
				return nil, 0, perr
			}
			if n > 0 && (answer.Status >= 200 || answer.Status == http.StatusSwitchingProtocols) {
				return b, n, nil
			}
			if n == 0 {
				break
			}
			b = b[:copy(b, b[n:])] // RFC 9110, 15.2: another follows
		}
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return nil, 0, err
		}
	}
}

// readBody reads the beginning of the body of an answer, of which b was read
// already: what has come after dialBodyTime is enough.
func readBody(ctx context.Context, nc net.Conn, b []byte) []byte {
	_ = nc.SetReadDeadline(time.Now().Add(dialBodyTime)) // a broken nc has nothing to read
	if ctx.Err() != nil {
		return nil
	}
	r, err := http.ReadResponse(bufio.NewReader(io.MultiReader(bytes.NewReader(b), nc)), nil)
	if err != nil {
		return nil
	}
	body, _ := io.ReadAll(io.LimitReader(r.Body, maxDialBody)) // the beginning is enough
	return body
}
