package token

import "time"

const (
	// maxTokenBytes bounds a token; a request's head has 8 KiB for all of it.
	maxTokenBytes = 8 << 10
	// maxGlobs bounds each list of globs in a token: each is tried for each topic
	// of a connection.
	maxGlobs = 100
	// maxSetBytes and maxSetKeys bound a JSON Web Key Set.
	maxSetBytes = 1 << 20
	maxSetKeys  = 100
	// fetchTime bounds one fetch of a set.
	fetchTime = 10 * time.Second
	// askTime bounds the wait for a fetch because of an unknown kid: the client
	// waits for its handshake meanwhile.
	askTime = 3 * time.Second
	// askEvery is the least time between two such fetches, whoever sends what.
	askEvery = 10 * time.Second
	// minRSABits is the least of an RSA key: RFC 7518, 3.3.
	minRSABits = 2048
)
