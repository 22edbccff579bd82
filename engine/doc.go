// Package engine serves and dials WebSockets (RFC 6455) on a few event loops.
// It is the only package of Weir that an embedder imports.
//
// A [Server] answers upgrades: stand-alone with [Server.ListenAndServe], or
// behind any net/http server, since it is an [net/http.Handler]. What happens
// on a connection is told to the callbacks of a [Handler]; a [Conn] is what
// they act on, and may be used from any goroutine. A [Topic] sends one message
// to many connections. A [Client] dials. Code that would rather read and write
// where it stands has a [Socket], by [Server.Accept] or [Client.DialSocket].
//
//	srv, err := engine.New(engine.Handler{
//		Message: func(c *engine.Conn, m engine.Message) { c.Send(m.Kind, m.Data) },
//	}, nil)
//	if err != nil {
//		log.Fatal(err)
//	}
//	log.Fatal(srv.ListenAndServe(":8080"))
//
// # Callbacks
//
// The callbacks of one Conn run in order, one at a time; those of different
// Conns run concurrently. By default they run on a bounded set of worker
// goroutines ([Options.Workers]) and may block; with [Options.Inline] they run
// on the event loop, which is fastest, and must not block.
//
// # Bytes
//
// The bytes of a [Message] are lent: they are valid until the callback
// returns, and [Message.Clone] keeps them. The bytes given to Send are copied.
//
// # Limits
//
// Everything is bounded, with a default in limits.go and a field in [Options].
package engine
