package codec_test

import (
	"fmt"
	"log"

	"github.com/weirws/weir/codec"
)

// Frames without a socket: what ws's Sender and Receiver do. The bytes may come in any pieces.
func ExampleDecoder() {
	wire := codec.AppendFrame(nil, codec.Header{Op: codec.OpText, Fin: true, Masked: true, Mask: [4]byte{1, 2, 3, 4}}, []byte("hello"))
	wire = codec.AppendFrame(wire, codec.Header{Op: codec.OpPing, Fin: true, Masked: true}, []byte("there?"))
	var d codec.Decoder // a server's
	for _, piece := range [][]byte{wire[:4], wire[4:9], wire[9:]} {
		for len(piece) > 0 {
			ev, n, err := d.Next(piece)
			if err != nil {
				log.Fatal(err)
			}
			if piece = piece[n:]; ev.Kind != codec.None {
				fmt.Printf("%v %q\n", ev.Kind, ev.Data)
			}
		}
	}
	// Output:
	// Message "hello"
	// Ping "there?"
}
