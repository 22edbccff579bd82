package codec

// Config is what a Decoder obeys. It may be shared between decoders of any
// goroutine, and is not changed once in use. The zero Config is a server's
// without limits.
type Config struct {
	Client          bool  // decoder of a client: frames arrive unmasked (masked → 1002)
	Deflate         bool  // permessage-deflate was negotiated: RSV1 is legal on the first frame of a data message
	StrictLength    bool  // a length that is not in its shortest form → 1002; accepted otherwise
	SkipUTF8        bool  // text and close reasons are not validated
	MaxMessageBytes int64 // payload bytes on the wire over all frames of a message; ≤ 0: no limit. Over it → 1009, when the header says so. A compressed message may be an eighth and 64 bytes longer: its limit is what comes out
	Pieces          bool  // a message that is not compressed comes in Pieces, and has no limit: none of it is kept
	MaxFragments    int   // frames of one message; ≤ 0: no limit. Over it → 1008
}
