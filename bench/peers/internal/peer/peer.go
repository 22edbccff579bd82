// Package peer is what the Go servers here have in common: their flags.
package peer

import (
	"flag"
	"log"
	"net/http"
	"runtime/debug"
)

// MaxMessageBytes is the largest message that each server takes, where it has a limit.
const MaxMessageBytes = 16 << 20

var compress = flag.Bool("compress", false, "compress messages, each by itself, at level 1")

// Compress reports whether the command line, which Listen parses, asks for
// messages to be compressed: each by itself, at level 1.
func Compress() bool { return *compress }

// CompressThreshold is the length from which messages are compressed, as in weir.
const CompressThreshold = 256

// Cert and Key are the files of --tls-cert and --tls-key; "": no TLS.
var Cert, Key string

// Listen parses the command line and returns the address of --listen. With
// --stats ADDR it serves POST /trim there, which returns free memory to the system.
func Listen() string {
	listen := flag.String("listen", "127.0.0.1:9001", "address to serve /echo and /broadcast on")
	stats := flag.String("stats", "", "address to serve POST /trim on; empty: nowhere")
	flag.StringVar(&Cert, "tls-cert", "", "certificate, in PEM; empty: no TLS")
	flag.StringVar(&Key, "tls-key", "", "its key, in PEM")
	flag.Parse()
	if *stats != "" {
		go serveTrim(*stats) // ends with the process
	}
	return *listen
}

// Serve serves net/http's default mux on addr, with TLS if there is a certificate.
func Serve(addr string) error {
	if Cert != "" {
		return http.ListenAndServeTLS(addr, Cert, Key, nil)
	}
	return http.ListenAndServe(addr, nil)
}

// serveTrim serves POST /trim on addr.
func serveTrim(addr string) {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /trim", func(http.ResponseWriter, *http.Request) { debug.FreeOSMemory() })
	log.Fatal(http.ListenAndServe(addr, mux))
}
