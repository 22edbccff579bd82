package engine_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"

	"github.com/weirws/weir/engine"
)

// An echo server, and a client that says one thing to it.
func Example() {
	srv, err := engine.New(engine.Handler{
		Message: func(c *engine.Conn, m engine.Message) { c.Send(m.Kind, m.Data) },
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	ln, err := srv.Listen("127.0.0.1:0") // a program: srv.ListenAndServe(":8080")
	if err != nil {
		log.Fatal(err)
	}
	go srv.Serve(ln)

	answer := make(chan string)
	client, err := engine.NewClient(engine.Handler{
		Message: func(_ *engine.Conn, m engine.Message) { answer <- m.String() },
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	c, err := client.Dial(context.Background(), "ws://"+ln.Addr().String(), nil)
	if err != nil {
		log.Fatal(err)
	}
	c.SendText("hello")
	fmt.Println(<-answer)
	// Output: hello
}

// A chat: what one says goes to everybody else in the room, whose name is in the path.
func ExampleServer_Topic() {
	var srv *engine.Server
	srv, err := engine.New(engine.Handler{}, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	room := func(c *engine.Conn) *engine.Topic { return srv.Topic(c.Value().(string)) }
	srv.Handle("/chat/{room}", engine.Handler{
		Upgrade: func(r *engine.Request) (any, error) { return r.HTTP.PathValue("room"), nil },
		Open: func(c *engine.Conn) {
			room(c).Subscribe(c)
			c.SendText("welcome")
		},
		Message: func(c *engine.Conn, m engine.Message) { room(c).PublishFrom(c, m.Kind, m.Data) },
	})
	ln, err := srv.Listen("127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	go srv.Serve(ln)

	var entered, heard sync.WaitGroup
	client, err := engine.NewClient(engine.Handler{
		Message: func(c *engine.Conn, m engine.Message) {
			if m.String() == "welcome" {
				entered.Done()
				return
			}
			fmt.Printf("%s hears %q\n", c.Value(), m)
			heard.Done()
		},
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	enter := func(who, where string) *engine.Conn {
		entered.Add(1)
		c, err := client.Dial(context.Background(), "ws://"+ln.Addr().String()+"/chat/"+where, &engine.DialOptions{Value: who})
		if err != nil {
			log.Fatal(err)
		}
		entered.Wait()
		return c
	}
	ann := enter("Ann", "blue")
	enter("Bob", "blue")
	enter("Cleo", "red")
	heard.Add(1)
	ann.SendText("anybody here?")
	heard.Wait()
	// Output: Bob hears "anybody here?"
}

// JSON both ways.
func ExampleConn_SendJSON() {
	type sum struct{ A, B, Sum int }
	srv, err := engine.New(engine.Handler{
		Message: func(c *engine.Conn, m engine.Message) {
			var s sum
			if err := m.JSON(&s); err != nil {
				c.Close(engine.StatusUnsupportedData, "not the JSON that is wanted")
				return
			}
			s.Sum = s.A + s.B
			c.SendJSON(s)
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

	done := make(chan bool)
	client, err := engine.NewClient(engine.Handler{
		Open: func(c *engine.Conn) {
			c.SendJSON(sum{A: 40, B: 2})
			c.SendText("{")
		},
		Message: func(_ *engine.Conn, m engine.Message) { fmt.Println(m) },
		Close: func(_ *engine.Conn, err error) {
			fmt.Println(err)
			close(done)
		},
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	if _, err := client.Dial(context.Background(), "ws://"+ln.Addr().String(), nil); err != nil {
		log.Fatal(err)
	}
	<-done
	// Output:
	// {"A":40,"B":2,"Sum":42}
	// engine: closed by peer with 1003 "not the JSON that is wanted"
}

// A heartbeat by hand, where the program wants to know how far away its peers are. To find the dead ones, Options.KeepAlive
// is all it takes.
func ExampleConn_RoundTrip() {
	srv, err := engine.New(engine.Handler{}, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	ln, err := srv.Listen("127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	go srv.Serve(ln)

	client, err := engine.NewClient(engine.Handler{}, &engine.Options{KeepAlive: -1})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	c, err := client.Dial(context.Background(), "ws://"+ln.Addr().String(), nil)
	if err != nil {
		log.Fatal(err)
	}
	beat := time.NewTicker(10 * time.Millisecond) // a program: some seconds
	defer beat.Stop()
	for range 3 {
		<-beat.C
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		_, err := c.RoundTrip(ctx)
		cancel()
		if err != nil {
			c.CloseNow()
			log.Fatal(err)
		}
		fmt.Println("alive")
	}
	// Output:
	// alive
	// alive
	// alive
}

// Behind net/http: a Server is a Handler, with whatever mux and middleware there are.
func ExampleServer_ServeHTTP() {
	ws, err := engine.New(engine.Handler{
		Upgrade: func(r *engine.Request) (any, error) {
			name := r.HTTP.URL.Query().Get("name")
			if name == "" {
				return nil, &engine.Refusal{Status: http.StatusUnauthorized, Body: "who are you?"}
			}
			return name, nil
		},
		Open: func(c *engine.Conn) { c.SendText("hello " + c.Value().(string)) },
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer ws.Close()
	mux := http.NewServeMux()
	mux.Handle("/ws", ws)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "a page") })
	srv := httptest.NewServer(mux) // a program: http.ListenAndServe(":8080", mux)
	defer srv.Close()

	greeting := make(chan string)
	client, err := engine.NewClient(engine.Handler{
		Message: func(_ *engine.Conn, m engine.Message) { greeting <- m.String() },
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	url := strings.Replace(srv.URL, "http", "ws", 1) + "/ws"
	_, err = client.Dial(context.Background(), url, nil)
	var refused *engine.DialError
	if errors.As(err, &refused) {
		fmt.Printf("%d %s\n", refused.Status, refused.Body)
	}
	if _, err = client.Dial(context.Background(), url+"?name=Ann", nil); err != nil {
		log.Fatal(err)
	}
	fmt.Println(<-greeting)
	// Output:
	// 401 who are you?
	// hello Ann
}
