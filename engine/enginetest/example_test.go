package enginetest_test

import (
	"testing"

	"github.com/weirws/weir/engine"
	"github.com/weirws/weir/engine/enginetest"
)

// A program's handler, as it would be registered with engine.New.
var shout = engine.Handler{Message: func(c *engine.Conn, m engine.Message) { c.SendText(m.String() + "!") }}

// A test of a handler: one connection, both ends at hand.
func ExamplePair() {
	_ = func(t *testing.T) { // func TestShout(t *testing.T)
		answers := make(chan string, 1)
		client := engine.Handler{Message: func(_ *engine.Conn, m engine.Message) { answers <- m.String() }}
		_, c := enginetest.Pair(t, shout, client, nil)
		if err := c.SendText("hey"); err != nil {
			t.Fatal(err)
		}
		if got := <-answers; got != "hey!" {
			t.Errorf("got %q, want %q", got, "hey!")
		}
	}
}
