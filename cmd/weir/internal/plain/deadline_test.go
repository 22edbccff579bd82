package plain

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/weirws/weir/cmd/weir/internal/config"
	"github.com/weirws/weir/cmd/weir/internal/hub"
)

// TestDeadlines: what is due is due once, also when the clock was set back.
func TestDeadlines(t *testing.T) {
	var d deadlines
	a, b, c := new(Client), new(Client), new(Client)
	done := int64(200)
	wants := func(now int64, want ...*Client) {
		t.Helper()
		var due []*Client
		if due, done = d.pass(done, now); !slices.Equal(due, want) {
			t.Errorf("at %d: %d are due, want %d", now, len(due), len(want))
		}
	}
	d.set(a, 202)
	d.set(b, 203)
	wants(201)
	wants(202, a)
	wants(100) // the clock was an hour too fast, or so
	d.set(c, 102)
	wants(101)
	wants(150, c)
	wants(203, b)
	wants(300)
	if len(d.at) != 0 {
		t.Errorf("%d seconds are left", len(d.at))
	}
}

// TestSoon: a token that ends after the last second does not end before.
func TestSoon(t *testing.T) {
	for _, far := range []int64{math.MaxUint32, math.MaxUint32 + 1, 1 << 33, math.MaxInt64} {
		if got := soon(far); got != math.MaxUint32 {
			t.Errorf("%d: got %d", far, got)
		}
	}
}

// TestRefreshedInTime: a client whose token was refreshed when it was due already
// is told nothing, before that one ends.
func TestRefreshedInTime(t *testing.T) {
	p := new(Protocol)
	p.settings.Store(&Settings{Config: config.Default()})
	cl := &Client{form: hub.Enveloped, expires: time.Now().Unix() + 1000}
	p.expire(cl)
	if cl.due != uint32(cl.expires) {
		t.Errorf("it is due at %d, want %d", cl.due, cl.expires)
	}
}
