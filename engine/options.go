package engine

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"net/netip"
	"runtime"
	"slices"
	"time"

	"github.com/weirws/weir/codec"
	"github.com/weirws/weir/poller"
)

// Options are the settings of a [Server] or a [Client]. A nil *Options works.
// The zero value of a field picks the default in its comment; a negative value
// means none, or off, where the comment says so. New copies it.
type Options struct {
	// Loops is the number of event loops; GOMAXPROCS.
	Loops int
	// Workers is the most goroutines that run callbacks at a time; 256.
	Workers int
	// Inline runs the callbacks on the event loop instead of on workers. That
	// is fastest, and a callback that blocks stalls every connection of its
	// loop; one that calls runtime.Goexit ends the loop.
	Inline bool

	// SlowCallback is how long a callback runs before the log names its connection
	// as one that hangs, once, and once more when it returns; 10 s, give or take a
	// tenth, or 100 ms. Nothing is done to it: until it returns it keeps its worker,
	// or with Inline its loop. With Inline those that follow each other within one
	// turn of the loop, as for the messages of one read, are taken for one. Metrics
	// counts them. Negative: off.
	SlowCallback time.Duration

	// MaxConns is the most upgraded connections; 1,000,000. Further upgrades
	// are refused with 503. Negative: none.
	MaxConns int
	// MaxMessageBytes is the most bytes of one received message over all its
	// frames; 1 MiB. A longer one closes the connection with 1009. Negative:
	// none.
	MaxMessageBytes int
	// MaxFragments is the most frames of one received message; 16384. More
	// close the connection with 1008. Negative: none.
	MaxFragments int
	// MaxBacklogBytes bounds what waits for a connection's socket; 1 MiB. A
	// message enters while what waits before it is below the bound, and is of
	// fewer frames than one for each 64 bytes of it. Negative: none.
	MaxBacklogBytes int
	// MaxBacklogAge bounds how long a message waits for the first of its bytes
	// to be written; 30 s, to the next second. Negative: none.
	MaxBacklogAge time.Duration
	// Overflow is what becomes of messages beyond these bounds; CloseSlow.
	// Subscriptions may have another: see [Topic.SubscribeWith].
	Overflow Overflow
	// StrandDepth is the most received messages of one connection that wait
	// for a worker; 64. At the bound its socket is not read.
	StrandDepth int
	// MemoryBudget bounds the bytes that the engine holds for all its peers
	// together: what waits for sockets, what was published and is not written
	// everywhere, messages received in part, those that wait for workers, and what
	// nobody has read of a [Socket] or a [Stream]; 1 GiB, or half of GOMEMLIMIT if
	// that is less. From 80 % of it on upgrades are refused with 503, connections
	// whose replies wait or with a large unfinished message are not read, and messages
	// with a [PublishOptions.Key] are conflated for all subscribers that may lose
	// some. At the bound the connections that hold the most for the longest are closed
	// with 1013; what was to be read of them is thrown away. Negative: none.
	MemoryBudget int64
	// MaxTopics is the most topics that one connection subscribes to; 1024. One
	// more closes it with 1008. Negative: none.
	MaxTopics int

	// MaxConnsPerIP is the most sockets of one address, or of one IPv6 network of
	// 64 bits; 16384 for public addresses, and no bound for loopback and private
	// ones, where proxies are: a value that is set holds for all. Further sockets
	// are closed unread; where the request was read already, behind net/http or of a
	// trusted proxy, it is refused with 429. Negative: none.
	MaxConnsPerIP int
	// MaxHandshakes is the most sockets of listeners whose opening handshake is
	// not answered, 32768, and MaxHandshakesPerSecond the most that come in a
	// second, 50,000 for each loop, those behind net/http included. Further ones are
	// closed unread, or refused with 429 behind net/http. Negative: none.
	MaxHandshakes, MaxHandshakesPerSecond int
	// MaxControlsPerSecond is the most pings and pongs of one peer, over time; 100,
	// at most 3000. Twice as many may come at once. More close the connection
	// with 1008. Negative: none.
	MaxControlsPerSecond int
	// MinBytesPerSecond is how fast a frame comes at least that takes longer than
	// 10 s; 100. A slower one closes the connection with 1008. Time in which the
	// socket is not read does not count. Negative: none.
	MinBytesPerSecond int
	// MaxMessageIdle is the most time in which nothing comes of a message that
	// was begun; 60 s. After it the connection is closed with 1008. Negative:
	// none.
	MaxMessageIdle time.Duration

	// MaxHeadBytes and MaxHeadFields are the most bytes and fields of the head of a
	// request, 8 KiB and 64, and of the answer that a [Client.Dial] gets. A larger one
	// is refused with 431. Behind net/http they are its server's. Negative: none.
	MaxHeadBytes, MaxHeadFields int
	// MaxUpgradeTime is the most time from accept to the answer of the opening
	// handshake, and the most that a [Client.Dial] takes; 5 s. Negative: none.
	MaxUpgradeTime time.Duration
	// MaxUpgrades is the most Upgrade callbacks that run or wait; 1024. Further
	// upgrades are refused with 503.
	MaxUpgrades int
	// MaxTLSHandshakes is the most TLS handshakes that are under way; 1024. Clients
	// beyond it wait for their turn, within MaxUpgradeTime.
	MaxTLSHandshakes int
	// KeepAlive is the silence after which a ping is sent; 30 s. A peer that
	// is silent for as long again is closed with 1006. Negative: off.
	KeepAlive time.Duration
	// MaxUnackedTime is how long a peer may leave unacknowledged what it was sent, or
	// take nothing of it, until the system ends the connection, which is closed with
	// 1006; 30 s. It is TCP_USER_TIMEOUT, of sockets of listeners and on Linux only;
	// elsewhere, and for a peer to which nothing is sent, KeepAlive finds the dead.
	// Negative: as long as the system likes.
	MaxUnackedTime time.Duration
	// IdleTimeout closes a connection on which no message was received for so
	// long, with 1000; off. Pings and pongs don't count.
	IdleTimeout time.Duration
	// CloseTimeout bounds the closing handshake, what waits to be sent before
	// it included; 5 s.
	CloseTimeout time.Duration
	// MaxLifetime closes a connection of that age with 1001; off.
	MaxLifetime time.Duration

	// Compression is the class of permessage-deflate, RFC 7692, that a server
	// accepts and a client offers; CompressionOff.
	Compression Compression
	// CompressionLevel is how hard the compressor tries: from 1, the quickest, to 9;
	// 1. It counts for windows of 32 KiB, which CompressionShared has too.
	CompressionLevel int
	// CompressionThreshold is the length from which a message is compressed, in
	// bytes; 256 with CompressionShared, 64 with a window. Negative: any length.
	CompressionThreshold int

	// TrustedProxies are the networks of the proxies in front of the server. What
	// they say of the client they speak for is believed: it becomes the address of
	// the connection and its request, and what MaxConnsPerIP counts. The peers of a
	// Unix socket are trusted too, if there are any.
	TrustedProxies []netip.Prefix
	// ProxyProtocol says that connections of TrustedProxies begin with a header of
	// the PROXY protocol, version 1 or 2, before TLS. One that does not is closed.
	// Other connections have none.
	ProxyProtocol bool
	// ClientHeader is the field in which TrustedProxies name the client:
	// "X-Forwarded-For", the default, "Forwarded" (RFC 7239), or "none". Its last
	// address that is not a trusted proxy's counts. It has to be one that every
	// proxy sets: one that passes a client's own through believes anything.
	ClientHeader string

	// Path is the only path that is upgraded, compared exactly and without the
	// query; every path. Others are answered with 404, or by HTTP. Several
	// paths, and paths with parameters: see [Server.Handle].
	Path string
	// Origins are the origins that a browser's page may have, besides the
	// server's own, which is always allowed: as "https://example.com",
	// "example.com", "*.example.com", or "*" for any. A request without Origin,
	// which is no browser's, is always allowed.
	Origins []string
	// CheckOrigin, if not nil, decides in place of Origins whether the page of
	// an opening handshake may connect: false refuses it with 403. It is asked
	// of every handshake, those without Origin too, before Upgrade, and may
	// block like it.
	CheckOrigin func(r *http.Request) bool
	// Subprotocols are those that the server speaks. The first that the client
	// offers and that is among them is chosen, unless Upgrade chooses.
	Subprotocols []string
	// StrictLength refuses frames whose length is not in its shortest form
	// with 1002: RFC 6455, 5.2. They are accepted otherwise, as by most.
	StrictLength bool
	// SkipUTF8 leaves text unchecked. It saves little and breaks RFC 6455,
	// 8.1.
	SkipUTF8 bool
	// ManualPong leaves pings unanswered: Handler.Ping is to call Pong. RFC 6455,
	// 5.5.2, wants an answer to each, or to the newest.
	ManualPong bool

	// TopicGained and TopicLost are Gained and Lost of each topic that
	// [Server.Topic] makes.
	TopicGained, TopicLost func(t *Topic)

	// TLS is what [Server.ServeTLS] and [Server.ListenAndServeTLS] speak; New
	// copies it. Connections are HTTP/1.1: "h2" is left out of NextProtos. Its
	// callbacks run on goroutines of their own, and may block.
	TLS *tls.Config

	// HTTP answers requests on the same port that ask for no WebSocket; they
	// are answered with 426 if it is nil.
	HTTP http.Handler
	// Log gets what an operator should know; slog.Default.
	Log *slog.Logger
}

// settings are Options after New: every field has its value, none is negative,
// and 0 means none.
type settings struct {
	Options
	streams                                     bool          // no reactor: for tests on fake time
	keepAlive, idle, closing, lifetime, upgrade uint32        // in ticks; 0 is off
	backlogAge                                  uint32        // likewise
	backlogFrames                               int           // the most frames that wait for one socket
	messageIdle, slow                           uint32        // in ticks; slow is slowTime but in tests
	head                                        codec.Limits  // MaxHeadBytes and MaxHeadFields
	perIPAll                                    bool          // MaxConnsPerIP holds for private addresses too
	faults                                      poller.Faults // nil but in tests
}

func newSettings(o *Options) (settings, error) {
	var s settings
	if o != nil {
		s.Options = *o
	}
	s.slow = ticks(slowTime)
	s.perIPAll = s.MaxConnsPerIP > 0
	for _, f := range []struct {
		name  string
		value *int
		def   int
		off   bool // negative means none
	}{
		{"Loops", &s.Loops, runtime.GOMAXPROCS(0), false},
		{"Workers", &s.Workers, DefaultWorkers, false},
		{"MaxConns", &s.MaxConns, DefaultMaxConns, true},
		{"MaxMessageBytes", &s.MaxMessageBytes, DefaultMaxMessageBytes, true},
		{"MaxFragments", &s.MaxFragments, DefaultMaxFragments, true},
		{"MaxBacklogBytes", &s.MaxBacklogBytes, DefaultMaxBacklogBytes, true},
		{"StrandDepth", &s.StrandDepth, DefaultStrandDepth, false},
		{"MaxTopics", &s.MaxTopics, DefaultMaxTopics, true},
		{"MaxUpgrades", &s.MaxUpgrades, DefaultMaxUpgrades, false},
		{"MaxConnsPerIP", &s.MaxConnsPerIP, DefaultMaxConnsPerIP, true},
		{"MaxHandshakes", &s.MaxHandshakes, DefaultMaxHandshakes, true},
		{"MaxHandshakesPerSecond", &s.MaxHandshakesPerSecond, DefaultMaxHandshakesPerSecond * or(s.Loops, runtime.GOMAXPROCS(0)), true},
		{"MaxControlsPerSecond", &s.MaxControlsPerSecond, DefaultMaxControlsPerSecond, true},
		{"MinBytesPerSecond", &s.MinBytesPerSecond, DefaultMinBytesPerSecond, true},
		{"MaxHeadBytes", &s.MaxHeadBytes, DefaultMaxHeadBytes, true},
		{"MaxHeadFields", &s.MaxHeadFields, DefaultMaxHeadFields, true},
		{"MaxTLSHandshakes", &s.MaxTLSHandshakes, DefaultMaxTLSHandshakes, false},
	} {
		if *f.value < 0 && !f.off {
			return s, fmt.Errorf("engine: Options.%s is %d; it can't be negative", f.name, *f.value)
		}
		*f.value = max(or(*f.value, f.def), 0)
	}
	for _, f := range []struct {
		name  string
		value *time.Duration
		def   time.Duration
		off   bool
		ticks *uint32
	}{
		{"MaxUpgradeTime", &s.MaxUpgradeTime, DefaultMaxUpgradeTime, true, &s.upgrade},
		{"KeepAlive", &s.KeepAlive, DefaultKeepAlive, true, &s.keepAlive},
		{"MaxUnackedTime", &s.MaxUnackedTime, DefaultMaxUnackedTime, true, new(uint32)},
		{"IdleTimeout", &s.IdleTimeout, 0, true, &s.idle},
		{"CloseTimeout", &s.CloseTimeout, DefaultCloseTimeout, false, &s.closing},
		{"MaxLifetime", &s.MaxLifetime, 0, true, &s.lifetime},
		{"MaxBacklogAge", &s.MaxBacklogAge, DefaultMaxBacklogAge, true, &s.backlogAge},
		{"MaxMessageIdle", &s.MaxMessageIdle, DefaultMaxMessageIdle, true, &s.messageIdle},
		{"SlowCallback", &s.SlowCallback, DefaultSlowCallback, true, new(uint32)},
	} {
		if *f.value < 0 && !f.off {
			return s, fmt.Errorf("engine: Options.%s is %v; it can't be negative", f.name, *f.value)
		}
		*f.value = max(or(*f.value, f.def), 0)
		*f.ticks = ticks(*f.value)
	}
	if s.MaxUpgradeTime == 0 { // a deadline that never comes is one case less
		s.MaxUpgradeTime, s.upgrade = math.MaxInt64, ticks(math.MaxInt64)
	}
	s.head = codec.Limits{HeadBytes: or(s.MaxHeadBytes, -1), Fields: or(s.MaxHeadFields, -1)}
	if s.Compression > Compression32K {
		return s, fmt.Errorf("engine: Options.Compression is %d; it is from CompressionOff to Compression32K", s.Compression)
	}
	if s.CompressionLevel = or(s.CompressionLevel, DefaultCompressionLevel); s.CompressionLevel < 1 || s.CompressionLevel > 9 {
		return s, fmt.Errorf("engine: Options.CompressionLevel is %d; it is from 1 to 9", s.CompressionLevel)
	}
	threshold := DefaultCompressionThreshold
	if s.Compression.dedicated() {
		threshold = DefaultChainedThreshold
	}
	s.CompressionThreshold = max(or(s.CompressionThreshold, threshold), 1)
	if s.Overflow = or(s.Overflow, CloseSlow); s.Overflow > DropOldest {
		return s, fmt.Errorf("engine: Options.Overflow is %d; it is CloseSlow, DropNewest or DropOldest", s.Overflow)
	}
	if s.MaxControlsPerSecond > maxControlRate {
		return s, fmt.Errorf("engine: Options.MaxControlsPerSecond is %d; it is at most %d", s.MaxControlsPerSecond, maxControlRate)
	}
	s.MemoryBudget = max(or(s.MemoryBudget, min(DefaultMemoryBudget, memoryLimit()/2)), 0)
	s.backlogFrames = max(s.MaxBacklogBytes/minFrameCost, minBacklogFrames)
	if err := s.checkProxies(); err != nil {
		return s, err
	}
	if s.Path != "" && s.Path[0] != '/' {
		return s, fmt.Errorf("engine: Options.Path is %q; it starts with a slash", s.Path)
	}
	if s.Log == nil {
		s.Log = slog.Default()
	}
	s.Origins = append([]string(nil), s.Origins...)
	s.Subprotocols = append([]string(nil), s.Subprotocols...)
	for _, p := range s.Subprotocols {
		if _, err := codec.AppendUpgrade(nil, nil, p, "", nil); err != nil || p == "" {
			return s, fmt.Errorf("engine: Options.Subprotocols has %q; RFC 6455, 4.1, wants a token", p)
		}
	}
	return s, nil
}

// checkProxies checks what is said of proxies.
func (s *settings) checkProxies() error {
	s.TrustedProxies = slices.Clone(s.TrustedProxies)
	for i, p := range s.TrustedProxies {
		if !p.IsValid() {
			return fmt.Errorf("engine: Options.TrustedProxies[%d] is not valid", i)
		}
	}
	if s.ProxyProtocol && len(s.TrustedProxies) == 0 {
		return errors.New("engine: Options.ProxyProtocol needs TrustedProxies: it is believed of nobody else")
	}
	switch s.ClientHeader = or(s.ClientHeader, "X-Forwarded-For"); s.ClientHeader {
	case "X-Forwarded-For", "Forwarded", "none":
		return nil
	}
	return fmt.Errorf("engine: Options.ClientHeader is %q; it is X-Forwarded-For, Forwarded or none", s.ClientHeader)
}

func or[T comparable](v, def T) T {
	var zero T
	if v == zero {
		return def
	}
	return v
}

// ticks rounds d up to whole ticks.
func ticks(d time.Duration) uint32 {
	n := d / tick
	if d%tick > 0 {
		n++
	}
	return uint32(min(n, 1<<30))
}
