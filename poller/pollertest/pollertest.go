// Package pollertest is the conformance suite that every back end of poller passes: whatever serves
// a connection, its Handler sees the same.
package pollertest

import (
	"net"
	"testing"

	"github.com/weirws/weir/poller"
)

// Backend is a way to serve connections.
type Backend struct {
	// Options configures the Poller of each test. Start and Turn are the suite's.
	Options poller.Options

	// Pair returns the two ends of a connection: near is attached to the Poller, far is the peer. It
	// must not hold more than 4 MiB on the way.
	Pair func(t testing.TB) (near, far net.Conn)

	// HalfClose: both ends can end one direction and go on with the other.
	HalfClose bool

	Lives int // connections that the storm opens and closes; 400
}

// fill is more than a connection holds on the way.
const fill = 4 << 20

// Run holds b to the contract of poller.Handler and poller.Conn.
func Run(t *testing.T, b Backend) {
	for _, tt := range []struct {
		name string
		run  func(*testing.T, Backend)
	}{
		{"Order", testOrder},
		{"Splits", testSplits},
		{"OpenFirst", testOpenFirst},
		{"Early", testEarly},
		{"EarlyPaused", testEarlyPaused},
		{"EarlyInto", testEarlyInto},
		{"ReadInto", testReadInto},
		{"Fairness", testFairness},
		{"ShortWrite", testShortWrite},
		{"ShortWriteElsewhere", testShortWriteElsewhere},
		{"ShortWriteBeforeOpen", testShortWriteBeforeOpen},
		{"WriteBuffers", testWriteBuffers},
		{"Bulk", testBulk},
		{"PauseResume", testPauseResume},
		{"PauseHoldsBack", testPauseHoldsBack},
		{"PausedEnd", testPausedEnd},
		{"PeerCloses", testPeerCloses},
		{"HalfClose", testHalfClose},
		{"CloseWrite", testCloseWrite},
		{"CloseWithin", testCloseWithin},
		{"CloseFlushes", testCloseFlushes},
		{"CloseTwice", testCloseTwice},
		{"DetachWithin", testDetachWithin},
		{"DetachIdle", testDetachIdle},
		{"DetachEarly", testDetachEarly},
		{"DoOrder", testDoOrder},
		{"DoDoesNotStarve", testDoDoesNotStarve},
		{"WakeCoalesces", testWakeCoalesces},
		{"WakeAgain", testWakeAgain},
		{"PollerClose", testPollerClose},
		{"PollerCloseOthers", testPollerCloseOthers},
		{"PollerCloseRunsTasks", testPollerCloseRunsTasks},
		{"AttachAfterClose", testAttachAfterClose},
		{"AttachTwice", testAttachTwice},
		{"Addresses", testAddresses},
		{"Many", testMany},
		{"Storm", testStorm},
	} {
		t.Run(tt.name, func(t *testing.T) { tt.run(t, b) })
	}
}
