package gateway

import (
	"bytes"
	"encoding/json"
	"sync/atomic"
	"time"

	"github.com/weirws/weir/engine"
)

// counts are what the gateway counts.
type counts struct {
	clients              atomic.Int64 // connected now
	published, delivered atomic.Int64 // since the start
}

// snapshot is what the live counts say.
type snapshot struct {
	Connections int64 `json:"connections"`
	Topics      int   `json:"topics"`
	Published   int64 `json:"published"`
	Delivered   int64 `json:"delivered"`
}

func (g *Gateway) snapshot() []byte {
	b, err := json.Marshal(snapshot{g.counts.clients.Load(), g.topics.len(), g.counts.published.Load(), g.counts.delivered.Load()})
	if err != nil {
		panic("gateway: counts that are no JSON: " + err.Error())
	}
	return b
}

// openFeed shows the counts to one who has just come.
func (g *Gateway) openFeed(c *engine.Conn) {
	g.feed.Subscribe(c)
	_ = c.Send(engine.Text, g.snapshot()) // an error says that it has gone again
}

// runFeed tells the counts to all who watch, when they have changed.
func (g *Gateway) runFeed() {
	defer g.feeding.Done()
	tick := time.NewTicker(countsEvery)
	defer tick.Stop()
	var told []byte
	for {
		select {
		case <-g.stop:
			return
		case <-tick.C:
		}
		if g.feed.Len() == 0 {
			continue
		}
		if now := g.snapshot(); !bytes.Equal(now, told) {
			g.feed.Publish(engine.Text, now)
			told = now
		}
	}
}

// endFeed ends runFeed, and waits for it.
func (g *Gateway) endFeed() {
	g.stopOnce.Do(func() { close(g.stop) })
	g.feeding.Wait()
}
