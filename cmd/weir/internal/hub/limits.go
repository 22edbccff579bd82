package hub

const (
	// MaxNameBytes bounds a topic's name, and that of an event: 200 characters
	// of ASCII.
	MaxNameBytes = 200
	// MaxKeyBytes bounds a conflate key.
	MaxKeyBytes = 200
	// maxOwed bounds the deliveries that publications may owe when one more is
	// taken. At some 300,000 deliveries a second of one loop that is a lag below
	// a second.
	maxOwed = 1 << 18
	// minNames is the number of topics from which the table shrinks when most
	// are gone.
	minNames = 1 << 10
	// connTables is the number of tables of connections, and minConns the
	// connections of one from which it shrinks likewise.
	connTables = 64
	minConns   = 1 << 8
)
