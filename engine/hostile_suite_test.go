package engine

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/weirws/weir/bench"
)

// TestHostileSuite tries every line of the plan that can be tried from outside: what `weir bench hostile` tries, and
// docs/reliability.md shows. Deadlines are short here, so that lines that wait are quick.
func TestHostileSuite(t *testing.T) {
	for _, r := range []rig{
		{loops: 2, door: listened, inline: true, deflate: true},
		{loops: 2, door: listened, deflate: true, tls: true},
		{loops: 2, door: listened, streams: true, deflate: true},
		{loops: 2, door: listened, inline: true, streams: true, deflate: true, tls: true},
	} {
		t.Run(r.String(), func(t *testing.T) { besiege(t, r) })
	}
}

// besiege runs the suite against a Server of its own.
func besiege(t *testing.T, r rig) {
	s := r.make(t, echo, &Options{
		MaxUpgradeTime: 3 * time.Second, CloseTimeout: time.Second, MaxMessageIdle: 2 * time.Second, MaxBacklogBytes: 4 << 20,
	})
	s.core.slow = ticks(time.Second)
	s.start(r.door)
	o := bench.HostileOptions{Witnesses: manyWitnesses, Flood: 200, Slow: true, Patience: patience}
	o.URL = "ws://" + s.addr + "/"
	if r.tls {
		o.URL, o.TLS = "wss://"+s.addr+"/", clientTLS(t)
	}
	result, err := bench.Hostile(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	left := choose(r.tls, 82, 19) // there is no urgent byte within TLS, and no TLS without it
	for _, l := range result.Lines {
		if l.Wrong > 0 || l.Tried == 0 && l.Line != left {
			t.Errorf("line %d, %s: want %s, got %s", l.Line, l.Name, l.Expected, l.Seen)
		}
	}
	var b bytes.Buffer
	_ = result.WriteTable(&b) // to memory
	t.Log("\n" + b.String())
}
