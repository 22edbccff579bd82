// Package codec turns bytes into WebSocket events and events into bytes
// (RFC 6455). It is fed and it appends: it has no socket, no clock and no
// goroutine, and it never blocks.
//
// A [Decoder] takes what was read from a peer and gives back messages, pings,
// pongs and the close. [AppendFrame], [AppendHeader] and [AppendClose] write
// what is to be sent. [Request] and [AppendUpgrade] are the server's half of
// the opening handshake, [AppendRequest] and [Response] the client's.
//
// Nothing here may be used from several goroutines at once, apart from the
// functions without a receiver and a [Config], which is only read.
//
// Most programs import engine only.
package codec
