package codec

// EventKind says what an Event is.
type EventKind uint8

// What Decoder.Next can give.
const (
	None      EventKind = iota // all bytes were taken and more are needed
	Message                    // a whole text or binary message
	Ping                       // a ping, to be answered with a pong of the same payload (RFC 6455, 5.5.2)
	Pong                       // a pong
	Close                      // the close frame; nothing that comes after it counts (RFC 6455, 5.5.1)
	Piece                      // with Config.Pieces: some bytes of a message, of which more follow; text may be cut within a character
	LastPiece                  // the last bytes of such a message, or none
)

// String returns the name of k. Any goroutine may call it.
func (k EventKind) String() string {
	names := [...]string{"None", "Message", "Ping", "Pong", "Close", "Piece", "LastPiece"}
	if int(k) < len(names) {
		return names[k]
	}
	return "EventKind(?)"
}

// Tag is what an Event says besides its bytes. It is apart from Event because
// the compiler keeps a struct in registers only up to four fields: an Event of
// six costs a third of the time of a small frame.
type Tag struct {
	Kind       EventKind
	Op         OpCode // OpText or OpBinary when Kind is Message or a piece, else the opcode of the control frame
	Compressed bool   // Message: RSV1 was set on its first frame (RFC 7692, 6)
	Owned      bool   // Data is memory from Store and now the caller's
}

// Event is one thing that a peer said.
type Event struct {
	Tag
	Code StatusCode // Close: StatusNoStatusRcvd when the frame was empty

	// Data is the unmasked payload, and for Close the reason. Unless Owned it
	// is a view into what was fed, or into the Decoder: valid until the next
	// call of any method of the Decoder, and as long as the fed slice is.
	Data []byte
}
