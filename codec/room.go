package codec

const (
	// roomWorth is how much a frame must lack before Room offers to read it
	// straight into the message.
	roomWorth = 4096

	// smallRoom is the free room for which one more read is not worth while:
	// Room grows the message first. Memory is at least firstGrow while more
	// than roomWorth lacks, so a message with less room than this may grow to
	// more than three times its size.
	smallRoom = 512
)

// Room returns where the next bytes from the peer may be read to, past the
// caller's own buffer: the free room of the message that is being received, at
// most as long as its frame lacks bytes. Say with Filled what was read there,
// before any other method is called; a room may also be left alone. It is nil
// unless d is inside the payload of a data frame that lacks 4 KiB or more. Room
// may call Store.
func (d *Decoder) Room() []byte {
	if d.state != inData || d.left < roomWorth || d.pieces && !d.compressed {
		return nil
	}
	if cap(d.msg)-len(d.msg) < smallRoom {
		d.grow(len(d.msg))
	}
	room := d.msg[len(d.msg):cap(d.msg)]
	if uint64(len(room)) > d.left {
		room = room[:d.left:d.left]
	}
	return room
}

// Filled takes the n bytes that were read straight into Room. It gives what
// Next would give for them; more of the message may be asked for with Room
// again. It panics when n is negative or more than Room was.
func (d *Decoder) Filled(n int) (ev Event, err error) {
	if d.state == failed {
		return Event{}, d.err
	}
	if n < 0 || d.state != inData || n > cap(d.msg)-len(d.msg) || uint64(n) > d.left {
		panic("codec: Filled with more than Room")
	}
	at := len(d.msg)
	p := d.payload(d.msg[at : at+n])
	d.msg = d.msg[:at+n]
	if d.check && !d.text.Valid(p, d.left == 0 && d.fin) {
		_, _, err = d.fail(errText)
		return Event{}, err
	}
	return d.endPiece(), nil
}

// Held returns the memory of the message that is being received, nil when
// there is none. It stays the Decoder's.
func (d *Decoder) Held() []byte {
	return d.msg
}

// Take returns what Held does and forgets it: the caller gives it back to where
// the Store has it from. It is for a connection that ends; d needs a Reset
// afterwards.
func (d *Decoder) Take() []byte {
	b := d.msg
	d.msg = nil
	return b
}
