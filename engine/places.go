package engine

import "github.com/weirws/weir/codec"

// TryPublish is PublishWith for all or nobody: where a loop of the subscribers
// has as many publications to make as it takes, or MemoryBudget no room, nobody
// gets the message and none counts as dropped. Then ok is false, and the
// publisher should come back in a moment. It may be called from any goroutine
// and does not block; data is copied.
func (t *Topic) TryPublish(k Kind, data []byte, o PublishOptions) (queued int, ok bool) {
	if !k.valid() {
		return 0, true
	}
	var room [8]*loop
	kept := places(room[:0])
	if !kept.keep(t, frameBytes(data)) {
		return 0, false
	}
	return t.send(k, data, o, kept), true
}

// frameBytes is the size of the frame of a publication.
func frameBytes(data []byte) int { return codec.HeaderLen(len(data), false) + len(data) }

// places are loops on which there is room for one publication.
type places []*loop

// keep keeps a place on each loop of t's subscribers, for a frame of that size,
// or none at all.
func (k *places) keep(t *Topic, size int) bool {
	for sh := range t.all {
		if sh.Len() == 0 || sh.loop.dead.Load() {
			continue
		}
		if !sh.loop.keep(size) {
			k.giveBack(size)
			return false
		}
		*k = append(*k, sh.loop)
	}
	return true
}

// take takes out the place on l, if there is one.
func (k *places) take(l *loop) bool {
	for i, kept := range *k {
		if kept == l {
			last := len(*k) - 1
			(*k)[i] = (*k)[last]
			*k = (*k)[:last]
			return true
		}
	}
	return false
}

// giveBack gives back the places that were not taken out.
func (k places) giveBack(size int) {
	for _, l := range k {
		l.mu.Lock()
		l.unkeep(size)
		l.mu.Unlock()
	}
}

// keep counts a publication of that size as one that waits, if there is room.
func (l *loop) keep(size int) bool {
	if l.weigh() == levelBrim {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.crowded() {
		return false
	}
	l.waiting++
	l.waitingBytes += size
	return true
}

// unkeep undoes keep. mu is held.
func (l *loop) unkeep(size int) {
	if l.dead.Load() { // stopPosts has done it
		return
	}
	l.waiting--
	l.waitingBytes -= size
}

// crowded reports whether as many publications wait as may. mu is held.
func (l *loop) crowded() bool { return l.waiting >= maxPosts || l.waitingBytes >= maxPostBytes }
