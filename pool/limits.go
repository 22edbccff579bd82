package pool

const (
	// minClassBits and maxClassBits bound the sizes that are kept: 64 B to 16 MiB. A larger buffer
	// is made when it is asked for and left to the garbage collector when it comes back.
	minClassBits = 6
	maxClassBits = 24

	// idlePerCore bounds the goroutines that Workers keep while there is nothing to do: this many
	// per GOMAXPROCS. Items that don't block never keep more than one per core busy, and the next
	// one is woken ahead.
	idlePerCore = 2

	// defaultBatch is how many items of one owner run before the others get their turn.
	defaultBatch = 64

	// firstRingItems is the room of a strand's first ring. Rings double; one that grew beyond
	// keptRingItems goes to the garbage collector when its strand is empty.
	firstRingItems = 4
	keptRingItems  = 64
)
