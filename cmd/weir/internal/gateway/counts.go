package gateway

import (
	"bytes"
	"encoding/json"
	"time"

	"github.com/weirws/weir/engine"
)

// demoCounts is what the demo page shows.
type demoCounts struct {
	Connections int64  `json:"connections"`
	Topics      int    `json:"topics"`
	Published   uint64 `json:"published"`
	Delivered   uint64 `json:"delivered"`
}

func (g *Gateway) demoCounts() []byte {
	n := g.hub.Counts()
	b, err := json.Marshal(demoCounts{g.plain.Open(), g.hub.Len(), n.Published, n.Delivered})
	if err != nil {
		panic("gateway: counts that are no JSON: " + err.Error())
	}
	return b
}

// openFeed shows the counts to one who has just come.
func (g *Gateway) openFeed(c *engine.Conn) {
	g.feed.Subscribe(c)
	_ = c.Send(engine.Text, g.demoCounts()) // an error says that it has gone again
}

// run samples the counters every second, and tells the demo page's counts to all
// who watch when they have changed.
func (g *Gateway) run() {
	defer g.running.Done()
	sample, feed := time.NewTicker(time.Second), time.NewTicker(countsEvery)
	defer sample.Stop()
	defer feed.Stop()
	var told []byte
	for {
		select {
		case <-g.ctx.Done():
			return
		case <-sample.C:
			g.sampler.Sample()
		case <-feed.C:
			if g.feed.Len() == 0 {
				continue
			}
			if now := g.demoCounts(); !bytes.Equal(now, told) {
				g.feed.Publish(engine.Text, now)
				told = now
			}
		}
	}
}
