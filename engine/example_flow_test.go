package engine_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/weirws/weir/engine"
)

// A sender that goes at its peer's pace: Send says when the backlog is full, Drain when there is room again.
func ExampleHandler_drain() {
	full, drained := make(chan bool), make(chan bool, 1)
	srv, err := engine.New(engine.Handler{
		Open: func(c *engine.Conn) {
			chunk := make([]byte, 64<<10)
			for {
				if err := c.Send(engine.Binary, chunk); errors.Is(err, engine.ErrBacklogFull) {
					close(full)
					return // the rest is Drain's to send
				}
			}
		},
		Drain: func(*engine.Conn) {
			select {
			case drained <- true:
			default:
			}
		},
	}, &engine.Options{Overflow: engine.DropNewest})
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	ln, err := srv.Listen("127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	go srv.Serve(ln)

	client, err := engine.NewClient(engine.Handler{}, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	c, err := client.Dial(context.Background(), "ws://"+ln.Addr().String(), nil)
	if err != nil {
		log.Fatal(err)
	}
	c.Pause() // a peer that is slow
	<-full
	fmt.Println("full")
	c.Resume()
	<-drained
	fmt.Println("drained")
	// Output:
	// full
	// drained
}

// Compression is agreed on in the opening handshake. A class says what a connection keeps for it.
func ExampleOptions_compression() {
	options := &engine.Options{Compression: engine.Compression4K}
	srv, err := engine.New(engine.Handler{
		Message: func(c *engine.Conn, m engine.Message) { c.Send(m.Kind, m.Data) },
	}, options)
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	ln, err := srv.Listen("127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	go srv.Serve(ln)

	client, err := engine.NewClient(engine.Handler{}, options)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	ctx := context.Background()
	sock, err := client.DialSocket(ctx, "ws://"+ln.Addr().String(), nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(sock.Conn().Extensions())
	if err := sock.Write(ctx, engine.Text, make([]byte, 100_000)); err != nil { // on the wire: some hundred bytes
		log.Fatal(err)
	}
	m, err := sock.Read(ctx)
	fmt.Println(len(m.Data), err)
	// Output:
	// permessage-deflate; server_max_window_bits=12; client_max_window_bits=12
	// 100000 <nil>
}
