package sendq

// Follow moves the frames of from behind those of q, of which none is dropped
// but one whose key they have: w is shown that. All of them are data that was
// shared. They begin to wait anew.
func (q *Queue) Follow(from *Queue, w Witness) {
	var keys map[uint64]Key // by place
	if len(from.keys) > 0 {
		keys = make(map[uint64]Key, len(from.keys))
		for k, place := range from.keys {
			keys[place] = k
		}
	}
	l := &from.data
	for i := l.head; i < len(l.fs); i++ {
		f := &l.fs[i]
		if f.gone {
			continue
		}
		buf, b, t := f.buf, f.b, Terms{Class: f.class, Age: f.age, Done: f.done}
		if f.buf = nil; f.done != nil { // q has the reference, and tells
			f.done = nil
			from.asked--
		}
		if k, keyed := keys[l.first+uint64(i)]; keyed {
			q.ShareKeyed(k, buf, b, t, w)
			continue
		}
		q.Share(buf, b, t)
	}
	from.Clear(nil)
}
