package engine_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/weirws/weir/engine"
)

// What the documentation of Node's ws shows of a server and a client, in one: connection, message, close, error, the
// heartbeat, and a broadcast to all clients but the sender.
func Example_ws() {
	var srv *engine.Server
	srv, err := engine.New(engine.Handler{ // const wss = new WebSocketServer({ port: 0 })
		// The request, with its headers and the client's address: what wss.on('connection', (ws, req) => …) gets second.
		Upgrade: func(r *engine.Request) (any, error) {
			return r.HTTP.Header.Get("X-Name"), nil
		},
		// wss.on('connection', ws => …)
		Open: func(c *engine.Conn) {
			fmt.Printf("%v is here\n", c.Value())
			c.SendText("welcome, " + c.Value().(string))
		},
		// ws.on('message', (data, isBinary) => …), and the broadcast of the documentation
		Message: func(c *engine.Conn, m engine.Message) {
			for other := range srv.Conns() { // wss.clients.forEach
				if other != c && other.State() == engine.Open {
					other.Send(m.Kind, m.Data)
				}
			}
		},
		// ws.on('close', (code, reason) => …) and ws.on('error', …)
		Close: func(c *engine.Conn, err error) {
			var e *engine.CloseError
			if errors.As(err, &e) {
				fmt.Printf("%v left with %d %q, error %v\n", c.Value(), e.Code, e.Reason, e.Err)
			}
		},
	}, &engine.Options{
		KeepAlive:   30e9, // the isAlive heartbeat: a ping after 30 s of silence, terminate() after 30 s more
		Compression: engine.CompressionShared,
	})
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	ln, err := srv.Listen("127.0.0.1:0") // wss.on('error', …): the port is busy, or not ours to take
	if err != nil {
		log.Fatal(err)
	}
	go srv.Serve(ln) // wss.on('listening', …): srv.Addr() is known

	// const ws = new WebSocket(url, { headers })
	client, err := engine.NewClient(engine.Handler{}, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	enter := func(name string) *engine.Socket {
		s, err := client.DialSocket(context.Background(), "ws://"+ln.Addr().String(), &engine.DialOptions{Header: http.Header{"X-Name": {name}}})
		if err != nil {
			log.Fatal(err)
		}
		welcome, err := s.Read(context.Background())
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(welcome)
		return s
	}
	ann := enter("Ann")
	bob := enter("Bob")
	ann.Write(context.Background(), engine.Text, []byte("hello, all"))
	m, err := bob.Read(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("Bob gets", m)
	bob.Close(engine.StatusNormalClosure, "good night")
	<-bob.Conn().Context().Done()
	fmt.Println(bob.Conn().State())
	srv.Shutdown(context.Background())
	// Unordered output:
	// Ann is here
	// welcome, Ann
	// Bob is here
	// welcome, Bob
	// Bob gets hello, all
	// Bob left with 1000 "good night", error <nil>
	// closed
	// Ann left with 1001 "", error engine: server closed
}

// The connection in hand, for code that comes from coder's or gorilla's packages.
func ExampleServer_Accept() {
	ws, err := engine.New(engine.Handler{}, &engine.Options{Subprotocols: []string{"echo"}})
	if err != nil {
		log.Fatal(err)
	}
	defer ws.Close()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s, err := ws.Accept(w, r)
		if err != nil {
			return // it was answered
		}
		defer s.CloseNow()
		for {
			m, err := s.Read(context.Background())
			if err != nil {
				return
			}
			if err := s.Write(context.Background(), m.Kind, m.Data); err != nil {
				return
			}
		}
	}))
	defer srv.Close()

	client, err := engine.NewClient(engine.Handler{}, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	s, err := client.DialSocket(context.Background(), srv.URL, &engine.DialOptions{Subprotocols: []string{"echo"}})
	if err != nil {
		log.Fatal(err)
	}
	if err := s.Write(context.Background(), engine.Text, []byte("is anybody there?")); err != nil {
		log.Fatal(err)
	}
	m, err := s.Read(context.Background())
	fmt.Println(s.Conn().Subprotocol(), m, err)
	s.Close(engine.StatusNormalClosure, "")
	// Output: echo is anybody there? <nil>
}

// A connection as a stream of bytes: ws's createWebSocketStream.
func ExampleConn_Stream() {
	srv, err := engine.New(engine.Handler{
		Open: func(c *engine.Conn) {
			s := c.Stream()
			go func() { // ends with the connection
				defer s.Close()
				io.Copy(s, s)
			}()
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

	client, err := engine.NewClient(engine.Handler{}, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	sock, err := client.DialSocket(context.Background(), "ws://"+ln.Addr().String(), nil)
	if err != nil {
		log.Fatal(err)
	}
	nc := sock.NetConn(engine.Binary) // a net.Conn
	defer nc.Close()
	fmt.Fprint(nc, "there and back")
	b := make([]byte, len("there and back"))
	_, err = io.ReadFull(nc, b)
	fmt.Printf("%s %v\n", b, err)
	// Output: there and back <nil>
}

// A message that is sent as it is produced, and received as it comes: neither side holds all of it.
func ExampleConn_SendFrom() {
	var size int
	received := make(chan bool)
	srv, err := engine.New(engine.Handler{
		Fragment: func(c *engine.Conn, f engine.Fragment) {
			if size += len(f.Data); f.Last {
				close(received)
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

	client, err := engine.NewClient(engine.Handler{}, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	c, err := client.Dial(context.Background(), "ws://"+ln.Addr().String(), nil)
	if err != nil {
		log.Fatal(err)
	}
	large := io.LimitReader(strings.NewReader(strings.Repeat("weir ", 1e6)), 4e6) // a program: a file
	fmt.Println(c.SendFrom(engine.Binary, large))
	<-received
	fmt.Println(size, "bytes")
	// Output:
	// <nil>
	// 4000000 bytes
}

// What ws's send(data, { compress, fin }, callback) does.
func ExampleConn_SendWith() {
	got := make(chan string)
	srv, err := engine.New(engine.Handler{
		Message: func(_ *engine.Conn, m engine.Message) { got <- m.String() },
	}, &engine.Options{Compression: engine.CompressionShared})
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	ln, err := srv.Listen("127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	go srv.Serve(ln)

	client, err := engine.NewClient(engine.Handler{}, &engine.Options{Compression: engine.CompressionShared})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	c, err := client.Dial(context.Background(), "ws://"+ln.Addr().String(), nil)
	if err != nil {
		log.Fatal(err)
	}
	written := make(chan error, 1)
	err = c.SendWith(engine.Text, []byte("hello"), engine.SendOptions{
		Compress: engine.CompressNever,
		Done:     func(err error) { written <- err },
	})
	fmt.Println("accepted:", err)
	fmt.Println(<-got)
	fmt.Println("written:", <-written)
	// Output:
	// accepted: <nil>
	// hello
	// written: <nil>
}
