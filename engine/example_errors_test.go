package engine_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/weirws/weir/engine"
)

// What a peer does wrong is told to both: with its cause on the side that found it, with a code on the other.
func ExampleCloseError() {
	ends := make(chan string)
	told := func(who string) func(*engine.Conn, error) {
		return func(_ *engine.Conn, err error) {
			var end *engine.CloseError
			errors.As(err, &end)
			ends <- fmt.Sprintf("%s: %d, by the peer: %t, cause: %v", who, end.Code, end.Peer, end.Err)
		}
	}
	srv, err := engine.New(engine.Handler{Close: told("server")}, &engine.Options{MaxMessageBytes: 10})
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	ln, err := srv.Listen("127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	go srv.Serve(ln)

	client, err := engine.NewClient(engine.Handler{Close: told("client")}, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	c, err := client.Dial(context.Background(), "ws://"+ln.Addr().String(), nil)
	if err != nil {
		log.Fatal(err)
	}
	c.SendText("too long for it") // ws: WS_ERR_UNSUPPORTED_MESSAGE_LENGTH
	fmt.Println(<-ends)
	fmt.Println(<-ends)
	// Unordered output:
	// server: 1009, by the peer: false, cause: codec: message too big (1009)
	// client: 1009, by the peer: true, cause: <nil>
}
