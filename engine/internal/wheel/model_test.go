package wheel

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
)

// starts are where a wheel's time wraps, or one of its digits does.
var starts = []uint32{0, 1<<31 - 50, 1<<32 - 50, 1<<30 - 3, 3<<30 - 100, 1<<18 - 1}

// player plays operations on a wheel and on a model of it, which is a map and no more.
type player struct {
	t     *testing.T
	draw  func(n uint32) uint32 // decides; below n
	w     *Wheel[owner]
	now   uint32
	set   map[*owner]uint32
	due   map[*owner]bool // what the present Advance has yet to fire
	owned []owner
}

func newPlayer(t *testing.T, start uint32, draw func(uint32) uint32) *player {
	p := &player{
		t: t, draw: draw, w: New(nodeOf), now: start,
		set: make(map[*owner]uint32), due: make(map[*owner]bool), owned: make([]owner, 32),
	}
	p.w.now = start
	for i := range p.owned {
		p.owned[i].id = i
	}
	return p
}

// play makes one operation and checks what can be seen afterwards.
func (p *player) play() {
	if p.draw(3) > 0 {
		p.touch()
	} else {
		p.advance()
	}
	p.check()
}

// touch sets or clears one deadline.
func (p *player) touch() {
	o := &p.owned[p.draw(uint32(len(p.owned)))]
	delete(p.due, o)
	if p.draw(4) == 0 {
		p.w.Clear(o)
		delete(p.set, o)
		return
	}
	tick := p.now + p.distance()
	if p.draw(8) == 0 {
		tick = p.now - p.distance() // past
	}
	p.w.Set(o, tick)
	if int32(tick-p.now) <= 0 {
		tick = p.now + 1
	}
	p.set[o] = tick
}

// distance is one of all orders of magnitude, below 1<<31.
func (p *player) distance() uint32 {
	return p.draw(1<<31) >> p.draw(31)
}

// advance moves the time, sometimes to Next, and touches some deadlines from within fire.
func (p *player) advance() {
	p.now += p.distance()
	if next, ok := p.w.Next(); ok && p.draw(2) == 0 {
		p.now = next
	}
	for o, tick := range p.set {
		if int32(tick-p.now) <= 0 {
			p.due[o] = true
		}
	}
	p.w.Advance(p.now, p.fire)
	if len(p.due) > 0 {
		p.t.Fatalf("%d deadlines did not fire by %d", len(p.due), p.now)
	}
}

func (p *player) fire(o *owner) {
	if !p.due[o] {
		p.t.Fatalf("owner %d, set to %d, fired at %d", o.id, p.set[o], p.now)
	}
	if o.node.Armed() {
		p.t.Fatalf("owner %d fires and is armed still", o.id)
	}
	delete(p.due, o)
	delete(p.set, o)
	for range p.draw(4) {
		p.touch()
	}
}

func (p *player) check() {
	next, ok := p.w.Next()
	if p.w.Len() != len(p.set) || ok != (len(p.set) > 0) || p.w.Now() != p.now {
		p.t.Fatalf("Len %d, Next %t, Now %d, want %d, %t, %d",
			p.w.Len(), ok, p.w.Now(), len(p.set), len(p.set) > 0, p.now)
	}
	if ok && int32(next-p.now) <= 0 {
		p.t.Fatalf("Next is %d, not after %d", next, p.now)
	}
	for i := range p.owned {
		o := &p.owned[i]
		tick, set := p.set[o]
		if o.node.Armed() != set {
			p.t.Fatalf("owner %d is armed: %t, want %t", o.id, o.node.Armed(), set)
		}
		if set && int32(tick-next) < 0 {
			p.t.Fatalf("Next is %d, after the deadline at %d", next, tick)
		}
	}
}

func TestModel(t *testing.T) {
	for _, start := range starts {
		for seed := range uint64(100) {
			rng := rand.New(rand.NewPCG(seed, uint64(start)))
			p := newPlayer(t, start, rng.Uint32N)
			for range 300 {
				p.play()
			}
		}
	}
}

// FuzzWheel: whatever is set, cleared and advanced, in fire too, the wheel does what a map does.
func FuzzWheel(f *testing.F) {
	f.Add(byte(0), []byte("\x01\x02\x03\x04set a few and go on"))
	f.Add(byte(2), []byte("\xff\xff\xff\xff\x00\x00\x00\x00\xff\xff\xff\xff\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, start byte, input []byte) {
		draw := func(n uint32) uint32 {
			var word [4]byte
			input = input[copy(word[:], input[:min(len(input), size(n))]):]
			return binary.LittleEndian.Uint32(word[:]) % n
		}
		input = input[:min(len(input), 1<<10)]
		p := newPlayer(t, starts[int(start)%len(starts)], draw)
		for len(input) > 0 {
			p.play()
		}
	})
}

// size is how many bytes of input decide between n.
func size(n uint32) int {
	if n <= 256 {
		return 1
	}
	return 4
}
