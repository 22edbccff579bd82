package engine

import (
	"time"

	"github.com/weirws/weir/codec"
)

// A peer may be too fast, with control frames, and too slow, with a message
// that never becomes whole.

// What such peers are told. Nobody changes these.
var (
	errControls    = &codec.Error{Code: StatusPolicyViolation, Text: "too many control frames"}
	errMessageIdle = &codec.Error{Code: StatusPolicyViolation, Text: "unfinished message stands still"}
	errTooSlow     = &codec.Error{Code: StatusPolicyViolation, Text: "frame comes too slowly"}
)

// paced counts a control frame of the peer, and reports false once there are too
// many. It is called on the loop.
//
// Each is charged controlCost, and every tick takes MaxControlsPerSecond off, for
// as long as the connection is in the loop's list of those that are charged
// something: one that answers our pings is in it for a tick.
func (c *Conn) paced(l *loop) bool {
	rate := l.core.MaxControlsPerSecond
	if rate == 0 {
		return true
	}
	if c.controls == 0 {
		l.noisy = append(l.noisy, c)
	}
	c.controls += controlCost
	if int(c.controls) <= rate*controlCost*controlBurst {
		return true
	}
	c.violated(l, errControls)
	return false
}

// calm lets some ticks pass for those that sent control frames.
func (l *loop) calm(passed uint32) {
	off := int(min(passed, 1<<10)) * l.core.MaxControlsPerSecond
	kept := l.noisy[:0]
	for _, c := range l.noisy {
		if c.controls = uint16(max(int(c.controls)-off, 0)); c.controls > 0 && c.phase != phaseGone {
			kept = append(kept, c)
		}
	}
	clear(l.noisy[len(kept):])
	if l.noisy = kept; cap(kept) > maxSpareNoisy && len(kept) < cap(kept)/4 {
		l.noisy = append(make([]*Conn, 0, cap(kept)/2), kept...)
	}
}

// progress is how an unfinished message comes along.
type progress struct {
	frames int    // of it that have begun
	bytes  uint64 // of it that have come
	within bool   // a frame is not whole
	moved  uint32 // tick at which one of them changed
	window uint32 // tick from which took counts: of the frame, or of the last slowTime
	took   int    // bytes
}

// came notes that n more bytes have come for the unfinished message of c. fresh: it
// is another than before.
func (in *inbound) came(l *loop, n int, fresh bool) {
	p := &in.progress
	frames, bytes, within := in.dec.Progress()
	if fresh || within && (!p.within || frames != p.frames) {
		p.window, p.took = l.now, 0
	}
	if fresh || frames != p.frames || bytes != p.bytes {
		p.moved = l.now
	}
	p.frames, p.bytes, p.within = frames, bytes, within
	p.took += n
}

// hurry ends c if its unfinished message stands still, or a frame of it hardly
// moves. It is called on the loop, at least once a second.
func (c *Conn) hurry(l *loop) {
	if c.in == nil || c.phase != phaseOpen || c.stops.Load()&stopEnd != 0 {
		return
	}
	p, s := &c.in.progress, &l.core.settings
	if c.held || c.in.rest != nil {
		p.moved, p.window, p.took = l.now, l.now, 0 // it is we who don't read
		return
	}
	why := errTooSlow
	switch {
	case s.messageIdle != 0 && l.reached(p.moved+s.messageIdle):
		why = errMessageIdle
	case s.MinBytesPerSecond == 0 || !p.within || !l.reached(p.window+s.slow):
		return
	case p.took >= s.MinBytesPerSecond*int(s.slow)/int(time.Second/tick):
		p.window, p.took = l.now, 0
		return
	}
	c.violated(l, why)
	c.in.drop()
	c.in.home()
	c.in = nil
}
