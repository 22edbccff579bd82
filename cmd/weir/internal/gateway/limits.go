package gateway

import "time"

const (
	// budgetPercent of the memory that weir may use are held for clients at most,
	// unless limits.pending_budget says otherwise, and at least minBudget.
	budgetPercent = 10
	minBudget     = 64 << 20
	// countsEvery is how often the demo page's counts are looked at.
	countsEvery = 250 * time.Millisecond
	// progressEvery is how often a drain says how far it is.
	progressEvery = 5 * time.Second
	// farewellTime is how long a drain waits, after its window, for clients to
	// answer the closing handshake, and farewellStep how often it looks.
	farewellTime = 6 * time.Second
	farewellStep = 20 * time.Millisecond
	// minRetry and maxRetry bound what a drained client is told to wait: it is
	// spread over a part of the window.
	minRetry = 500 * time.Millisecond
	maxRetry = 10 * time.Second
)
