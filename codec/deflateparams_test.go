package codec

import (
	"errors"
	"testing"
)

func offerRequest(t testing.TB, offers ...string) *Request {
	t.Helper()
	head := "GET / HTTP/1.1\r\nHost: h\r\n"
	for _, o := range offers {
		head += "Sec-WebSocket-Extensions: " + o + "\r\n"
	}
	r := new(Request)
	if n, err := r.Parse([]byte(head+"\r\n"), Limits{}); n == 0 || err != nil {
		t.Fatalf("parse: %d, %v", n, err)
	}
	return r
}

func TestAcceptDeflate(t *testing.T) {
	shared := DeflateParams{true, true, 15, 15, false}
	own := DeflateParams{false, false, 15, 15, false}
	small := DeflateParams{false, false, 12, 12, false}
	for _, tt := range []struct {
		name   string
		want   DeflateParams
		offers []string
		answer string // "" when every offer is declined
	}{
		{"plain offer, shared", shared, []string{"permessage-deflate"}, "permessage-deflate; server_no_context_takeover; client_no_context_takeover"},
		{"plain offer, own", own, []string{"permessage-deflate"}, "permessage-deflate"},
		{"as browsers offer", small, []string{"permessage-deflate; client_max_window_bits"}, "permessage-deflate; server_max_window_bits=12; client_max_window_bits=12"},
		{"client can't be told", small, []string{"permessage-deflate"}, "permessage-deflate; client_no_context_takeover; server_max_window_bits=12"},
		{"smaller server window", small, []string{"permessage-deflate; server_max_window_bits=9"}, "permessage-deflate; client_no_context_takeover; server_max_window_bits=9"},
		{"larger server window", small, []string{"permessage-deflate; server_max_window_bits=14; client_max_window_bits=10"}, "permessage-deflate; server_max_window_bits=12; client_max_window_bits=10"},
		{"largest server window", own, []string{"permessage-deflate; server_max_window_bits=15"}, "permessage-deflate; server_max_window_bits=15"},
		{"largest server window is too large", small, []string{"permessage-deflate; server_max_window_bits=15; client_max_window_bits"}, "permessage-deflate; server_max_window_bits=12; client_max_window_bits=12"},
		{"eight", own, []string{"permessage-deflate; server_max_window_bits=8"}, "permessage-deflate; server_max_window_bits=8"},
		{"quoted value", own, []string{`permessage-deflate; server_max_window_bits="10"`}, "permessage-deflate; server_max_window_bits=10"},
		{"no takeover asked", own, []string{"permessage-deflate; server_no_context_takeover"}, "permessage-deflate; server_no_context_takeover"},
		{"fallback", own, []string{"permessage-deflate; server_max_window_bits=7, x-other, permessage-deflate; client_no_context_takeover"}, "permessage-deflate; client_no_context_takeover"},
		{"second field", own, []string{"x-other; a=b", "permessage-deflate"}, "permessage-deflate"},
		{"name in capitals", own, []string{"Permessage-Deflate"}, "permessage-deflate"},
		{"7", own, []string{"permessage-deflate; server_max_window_bits=7"}, ""},
		{"16", own, []string{"permessage-deflate; server_max_window_bits=16"}, ""},
		{"08", own, []string{"permessage-deflate; server_max_window_bits=08"}, ""},
		{"99", own, []string{"permessage-deflate; client_max_window_bits=99"}, ""},
		{"negative", own, []string{"permessage-deflate; client_max_window_bits=-1"}, ""},
		{"empty value", own, []string{`permessage-deflate; server_max_window_bits=""`}, ""},
		{"no value", own, []string{"permessage-deflate; server_max_window_bits"}, ""},
		{"value where there is none", own, []string{"permessage-deflate; server_no_context_takeover=1"}, ""},
		{"repeated", own, []string{"permessage-deflate; client_max_window_bits; client_max_window_bits=10"}, ""},
		{"unknown", own, []string{"permessage-deflate; fast"}, ""},
		{"in a string", own, []string{`x; y=",permessage-deflate;"`}, ""},
		{"in an open string", own, []string{`x; y=",permessage-deflate;`}, ""},
		{"another", own, []string{"x-webkit-deflate-frame"}, ""},
	} {
		p, ok := offerRequest(t, tt.offers...).AcceptDeflate(tt.want)
		if ok != (tt.answer != "") {
			t.Errorf("%s: accepted is %t", tt.name, ok)
			continue
		}
		if ok && p.Answer() != tt.answer {
			t.Errorf("%s: got %q, want %q", tt.name, p.Answer(), tt.answer)
		}
	}
}

func TestCheckDeflate(t *testing.T) {
	own := DeflateParams{false, false, 15, 15, false}
	for _, tt := range []struct {
		name   string
		offer  DeflateParams
		answer string
		want   DeflateParams
		ok     bool
		bad    bool
	}{
		{"declined", own, "", DeflateParams{}, false, false},
		{"plain", own, "permessage-deflate", own, true, false},
		{"told a window", own, "permessage-deflate; client_max_window_bits=9", DeflateParams{false, false, 15, 9, false}, true, false},
		{"server's window", own, "permessage-deflate; server_max_window_bits=10; server_no_context_takeover", DeflateParams{true, false, 10, 15, false}, true, false},
		{"server's window is the largest", own, "permessage-deflate; server_max_window_bits=15", DeflateParams{false, false, 15, 15, true}, true, false},
		{"server keeps a context", DeflateParams{true, false, 15, 15, false}, "permessage-deflate", DeflateParams{}, false, true},
		{"larger than asked", DeflateParams{false, false, 10, 15, false}, "permessage-deflate; server_max_window_bits=12", DeflateParams{}, false, true},
		{"window not named", DeflateParams{false, false, 10, 15, false}, "permessage-deflate", DeflateParams{}, false, true},
		{"window without value", own, "permessage-deflate; client_max_window_bits", DeflateParams{}, false, true},
		{"unknown parameter", own, "permessage-deflate; x", DeflateParams{}, false, true},
		{"another extension", own, "x-fast", DeflateParams{}, false, true},
		{"two", own, "permessage-deflate, permessage-deflate", DeflateParams{}, false, true},
	} {
		got, ok, err := tt.offer.CheckDeflate([]byte(tt.answer))
		if ok != tt.ok || got != tt.want || (err != nil) != tt.bad || err != nil && !errors.Is(err, ErrDeflate) {
			t.Errorf("%s: got %+v, %t, %v", tt.name, got, ok, err)
		}
	}
}

func TestOfferIsAccepted(t *testing.T) {
	for bits := MinWindowBits; bits <= MaxWindowBits; bits++ {
		offer := DeflateParams{ServerMaxWindowBits: bits, ClientMaxWindowBits: bits}
		p, ok := offerRequest(t, offer.Offer()).AcceptDeflate(DeflateParams{ServerMaxWindowBits: 15, ClientMaxWindowBits: 15})
		if !ok {
			t.Fatalf("%q is declined", offer.Offer())
		}
		agreed, ok, err := offer.CheckDeflate([]byte(p.Answer()))
		if !ok || err != nil || agreed != p {
			t.Errorf("bits %d: the client has %+v, %v, the server %+v", bits, agreed, err, p)
		}
	}
}

// FuzzDeflateOffer: what is agreed on is always within what both sides want, and
// the answer is one that a client accepts.
func FuzzDeflateOffer(f *testing.F) {
	for _, s := range []string{
		"permessage-deflate", "permessage-deflate; client_max_window_bits", "permessage-deflate; server_max_window_bits=10, permessage-deflate",
		`x; y=",permessage-deflate;"`, `permessage-deflate; server_max_window_bits="1\5"`,
	} {
		f.Add(s, uint8(15), uint8(9), true)
	}
	f.Fuzz(func(t *testing.T, offer string, server, client uint8, alone bool) {
		r := new(Request)
		n, err := r.Parse([]byte("GET / HTTP/1.1\r\nHost: h\r\nSec-WebSocket-Extensions: "+offer+"\r\n\r\n"), Limits{})
		if n == 0 || err != nil {
			return
		}
		want := DeflateParams{alone, alone, MinWindowBits + int(server%8), MinWindowBits + int(client%8), false}
		p, ok := r.AcceptDeflate(want)
		if !ok {
			return
		}
		if p.ServerMaxWindowBits > want.ServerMaxWindowBits || p.ServerMaxWindowBits < MinWindowBits ||
			p.ClientMaxWindowBits > want.ClientMaxWindowBits && !p.ClientNoContextTakeover && want.ClientMaxWindowBits < MaxWindowBits ||
			want.ServerNoContextTakeover && !p.ServerNoContextTakeover {
			t.Fatalf("want %+v, agreed on %+v", want, p)
		}
		if _, ok, err := (DeflateParams{ServerMaxWindowBits: 15, ClientMaxWindowBits: 15}).CheckDeflate([]byte(p.Answer())); !ok || err != nil {
			t.Fatalf("the answer %q is not accepted: %v", p.Answer(), err)
		}
	})
}
