package bench

// scene is the part that a scenario plays for its connections. It is called with
// the generator's lock held, one call at a time.
type scene interface {
	// opened is told that the handshake of c was right.
	opened(c *conn, now int64)
	// verified is told that n further messages came on c and were right.
	verified(c *conn, n int, now int64)
	// lost is told that c is gone; err is nil when the scene had asked for the end.
	lost(c *conn, err error, now int64)
}

// strict is the scene of connections that live as long as the scenario does: to
// lose one ends the run.
type strict struct{ g *generator }

func (strict) opened(*conn, int64)        {}
func (strict) verified(*conn, int, int64) {}

func (s strict) lost(c *conn, err error, _ int64) {
	if err == nil {
		err = &ClosedError{Code: closeNormal}
	}
	s.g.fail(c, err)
}
