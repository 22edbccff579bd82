package engine_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/weirws/weir/engine"
)

// A connection that comes back: a feed that is subscribed to anew in each Open.
func ExampleClient_Keep() {
	restarts := 0
	srv, err := engine.New(engine.Handler{
		Message: func(c *engine.Conn, m engine.Message) {
			c.SendText("news of " + m.String())
			if restarts++; restarts < 3 {
				c.Close(engine.StatusServiceRestart, "retry=5")
			}
		},
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	ln, err := srv.Listen("127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	go srv.Serve(ln)

	ctx, cancel := context.WithCancel(context.Background())
	heard := 0
	client, err := engine.NewClient(engine.Handler{
		Open: func(c *engine.Conn) { c.SendText(c.Value().(string)) },
		Message: func(_ *engine.Conn, m engine.Message) {
			fmt.Println(m)
			if heard++; heard == 3 {
				cancel() // it has enough
			}
		},
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	ended := make(chan error, 1)
	err = client.Keep(ctx, "ws://"+ln.Addr().String(), &engine.KeepOptions{
		Dial:     engine.DialOptions{Value: "the harbour"},
		MinDelay: time.Millisecond, // a program: none of its own
		Waiting: func(_ time.Duration, err error) {
			fmt.Println(err)
		},
		Ended: func(err error) { ended <- err },
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(<-ended)
	// Output:
	// news of the harbour
	// engine: closed by peer with 1012 "retry=5"
	// news of the harbour
	// engine: closed by peer with 1012 "retry=5"
	// news of the harbour
	// context canceled
}
