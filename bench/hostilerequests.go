package bench

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// request is a head, and the answers to it that are right.
type request struct {
	name, head string
	want       string // statuses, with a space between two
	field      string // "Name: value" that a refusal must have; "": none
}

// ask sends a request on a connection of its own. A refusal must be the last word.
func (h *hostile) ask(q request) trial {
	return h.answered(q.name, q.head, func(v *villain, r *http.Response) (seen string, ok bool) {
		seen = strconv.Itoa(r.StatusCode)
		ok = slices.Contains(strings.Fields(q.want), seen)
		if r.StatusCode == http.StatusSwitchingProtocols {
			return seen, ok
		}
		if name, value, _ := strings.Cut(q.field, ": "); name != "" && r.Header.Get(name) != value {
			seen, ok = seen+" without "+q.field, false
		}
		body, _ := io.ReadAll(io.LimitReader(r.Body, 1<<20)) // ended tells
		if bytes.Contains(body, []byte("HTTP/1.")) {         // it has no length, and is all that comes
			seen, ok = seen+", and another answer", false
		}
		if end := v.ended(); end != "closed" {
			seen, ok = seen+", "+end, false
		}
		return seen, ok
	})
}

// on connects, and judges what try sees.
func (h *hostile) on(name string, connect func() (*villain, error), try func(v *villain) (seen string, ok bool)) trial {
	v, err := connect()
	if err != nil {
		return trial{name, err.Error(), false}
	}
	defer v.close()
	seen, ok := try(v)
	return trial{name, seen, ok}
}

// answered sends a head on a connection of its own, and judges the answer.
func (h *hostile) answered(name, head string, judge func(v *villain, r *http.Response) (seen string, ok bool)) trial {
	return h.on(name, h.dial, func(v *villain) (string, bool) {
		go func() { _ = v.write([]byte(head)) }() // it may be cut off; ends with the connection
		r, err := v.answer()
		if err != nil {
			return "no answer", false
		}
		return judge(v, r)
	})
}

// requests makes a line of requests.
func requests(number int, name, expected string, all func(h *hostile) []request) line {
	return line{number: number, name: name, expected: expected, try: func(h *hostile) []trial { return each(all(h), h.ask) }}
}

// requestLines are the lines 1 to 13, and those on how a request comes.
func requestLines() []line {
	return []line{
		requests(1, "another method, version, target", "405 Allow, 505 or 426, 400", func(h *hostile) []request {
			get := "GET " + h.path + " "
			return []request{
				{"POST", h.with("GET", "POST"), "405", "Allow: GET"},
				{"HTTP/1.0", h.with("HTTP/1.1", "HTTP/1.0"), "505 426", ""},
				{"GET *", h.with(get, "GET * "), "400", ""},
				{"absolute form of another host", h.with(get, "GET http://other.test"+h.path+" "), "400", ""},
			}
		}),
		requests(2, "Upgrade or Connection missing or wrong", "426 or 400; lists and any case pass", func(h *hostile) []request {
			connection := "Connection: Upgrade\r\n"
			return []request{
				{"no Upgrade", h.with("Upgrade: websocket\r\n", ""), "426 400", ""},
				{"another Upgrade", h.with("Upgrade: websocket", "Upgrade: h2c"), "426 400", ""},
				{"no Connection", h.with(connection, ""), "426 400", ""},
				{"another Connection", h.with(connection, "Connection: keep-alive\r\n"), "426 400", ""},
				{"Connection as a part of a word", h.with(connection, "Connection: upgraded\r\n"), "426 400", ""},
				{"a list", h.with(connection, "Connection: keep-alive, Upgrade\r\n"), "101", ""},
				{"two fields", h.with(connection, "Connection: keep-alive\r\nConnection: upgrade\r\n"), "101", ""},
				{"another case", h.with("Upgrade: websocket\r\n"+connection, "UPGRADE: WebSocket\r\nconnection: UPGRADE\r\n"), "101", ""},
			}
		}),
		requests(3, "Key missing, twice, of another length", "400", func(h *hostile) []request {
			field := "Sec-WebSocket-Key: " + sampleKey + "\r\n"
			return []request{
				{"missing", h.with(field, ""), "400", ""},
				{"twice", h.with(field, field+field), "400", ""},
				{"no base64", h.with(sampleKey, "dGhlIHNhbXBsZSBub25j!!=="), "400", ""},
				{"15 bytes", h.with(sampleKey, nonce(15)), "400", ""},
				{"17 bytes", h.with(sampleKey, nonce(17)), "400", ""},
			}
		}),
		requests(4, "Version 8, 0, 14, missing", "426 Sec-WebSocket-Version: 13", func(h *hostile) []request {
			var all []request
			for _, v := range []string{"8", "0", "14"} {
				all = append(all, request{v, h.with("Version: 13", "Version: "+v), "426", "Sec-WebSocket-Version: 13"})
			}
			return append(all, request{"missing", h.with("Sec-WebSocket-Version: 13\r\n", ""), "426", "Sec-WebSocket-Version: 13"})
		}),
		requests(5, "no Host, two, or a bad one", "400", func(h *hostile) []request {
			field := "Host: " + h.host + "\r\n"
			return []request{
				{"none", h.with(field, ""), "400", ""},
				{"two", h.with(field, field+field), "400", ""},
				{"CR", h.with(field, "Host: a\rb\r\n"), "400", ""},
				{"LF", h.with(field, "Host: a\nb\r\n"), "400", ""},
				{"space", h.with(field, "Host: a b\r\n"), "400", ""},
			}
		}),
		requests(6, "a body", "400, nothing of it is a frame", func(h *hostile) []request {
			frame := string(maskedText([]byte("smuggled")))
			return []request{
				{"Content-Length", h.head(fmt.Sprintf("Content-Length: %d", len(frame))) + frame, "400", ""},
				{"Transfer-Encoding", h.head("Transfer-Encoding: chunked") + "e\r\n" + frame + "\r\n0\r\n\r\n", "400", ""},
				{"both", h.head("Content-Length: 0", "Transfer-Encoding: chunked") + "0\r\n\r\n", "400", ""},
			}
		}),
		requests(7, "lines that are no header fields", "400", func(h *hostile) []request {
			return []request{
				{"bare LF", strings.ReplaceAll(h.head(), "\r\n", "\n"), "400", ""},
				{"folded", h.head("X: a", " b"), "400", ""},
				{"NUL", h.head("X: a\x00b"), "400", ""},
				{"space before the colon", h.head("X : a"), "400", ""},
				{"a line that begins with a space", h.with("\r\nHost", "\r\n X: a\r\nHost"), "400", ""},
				{"a name that is no token", h.head("X(: a"), "400", ""},
			}
		}),
		requests(8, "65 fields, 8193 bytes, a line of 64 KB", "431; 64 fields and 8192 bytes pass", limitsOfHead),
		requests(9, "Origin foreign, null, absent, with a suffix", "403, 403, 101, 403", func(h *hostile) []request {
			return []request{
				{"foreign", h.head("Origin: http://evil.test"), "403", ""},
				{"null", h.head("Origin: null"), "403", ""},
				{"absent", h.head(), "101", ""},
				{"suffix", h.head("Origin: http://" + h.hostname + ".evil"), "403", ""},
			}
		}),
		{number: 10, name: "malformed offers of extensions", expected: "400, or 101 without any", try: func(h *hostile) []trial {
			return each([]string{`a; b="` + strings.Repeat(`\c`, 3500), `permessage-deflate; x="`, `x; y=",permessage-deflate;"`,
				strings.Repeat("x,", 499) + "x"}, func(offer string) trial { return h.offer(offer, "none") })
		}},
		{number: 11, name: "parameters of permessage-deflate that are wrong", expected: "400, or 101 without it", try: func(h *hostile) []trial {
			return each([]string{"server_max_window_bits=7", "server_max_window_bits=16", "server_max_window_bits=08", "server_max_window_bits=-1",
				"server_max_window_bits=99", `server_max_window_bits=""`, "server_max_window_bits=10; server_max_window_bits=10", "unknown"},
				func(p string) trial { return h.offer("permessage-deflate; "+p, "none") })
		}},
		{number: 12, name: "several offers", expected: "101 with one of them at most", try: func(h *hostile) []trial {
			return each([]string{"permessage-deflate; client_max_window_bits", "permessage-deflate; server_max_window_bits=7, permessage-deflate",
				"x, permessage-deflate; client_max_window_bits, permessage-deflate"}, func(offer string) trial { return h.offer(offer, "one") })
		}},
		{number: 13, name: "subprotocols", expected: "400 or 431, or 101 without one", try: func(h *hostile) []trial {
			return each([]string{"a\rX: y", "ch\xfct", strings.Repeat(" ", 30_000), "constructor", "__proto__"}, h.subprotocol)
		}},
		{number: 15, name: "a request cut at each byte, and byte by byte", expected: "101", try: cutRequests},
		{number: 16, name: "100 frames in the segment of the request", expected: "all echoes, in order", try: framesWithRequest},
		{number: 17, name: "a second request behind a bad one", expected: "400, and no more", try: func(h *hostile) []trial {
			return []trial{h.ask(request{"pipelined", h.with(sampleKey, "bad") + h.head(), "400", ""})}
		}},
	}
}

// limitsOfHead are heads at 8 KiB and 64 fields, and beyond.
func limitsOfHead(h *hostile) []request {
	has := strings.Count(h.head(), "\r\n") - 2
	fields := func(n int) string { return h.head(slices.Repeat([]string{"X: a"}, n-has)...) }
	whole := func(n int) string { return h.head("X: " + strings.Repeat("a", n-len(h.head("X: ")))) }
	return []request{
		{"64 fields", fields(64), "101", ""},
		{"65 fields", fields(65), "431", ""},
		{"8192 bytes", whole(8192), "101", ""},
		{"8193 bytes", whole(8193), "431", ""},
		{"a line of 64 KB", "GET /" + strings.Repeat("a", 64<<10) + " HTTP/1.1\r\n", "431 414 400", ""},
	}
}

// offer offers extensions. Of those in the answer there may be none, or one.
func (h *hostile) offer(value, most string) trial {
	return h.answered(fmt.Sprintf("%.40q", value), h.head("Sec-WebSocket-Extensions: "+value), func(_ *villain, r *http.Response) (seen string, ok bool) {
		got := r.Header.Values("Sec-WebSocket-Extensions")
		seen = strconv.Itoa(r.StatusCode)
		if len(got) > 0 {
			seen += " with " + strings.Join(got, ", ")
		}
		one := len(got) == 0 || most == "one" && len(got) == 1 && !strings.Contains(got[0], ",")
		return seen, r.StatusCode == 101 && one || r.StatusCode == 400
	})
}

// subprotocol offers one. None is chosen that was not configured.
func (h *hostile) subprotocol(value string) trial {
	return h.answered(fmt.Sprintf("%.40q", value), h.head("Sec-WebSocket-Protocol: "+value), func(_ *villain, r *http.Response) (seen string, ok bool) {
		seen = strconv.Itoa(r.StatusCode)
		if got, chosen := r.Header["Sec-Websocket-Protocol"]; chosen {
			return seen + fmt.Sprintf(" with %q", got), false
		}
		return seen, slices.Contains([]int{101, 400, 431}, r.StatusCode)
	})
}

// cutRequests sends the request in two pieces, for each place to cut it.
func cutRequests(h *hostile) []trial {
	head := h.head()
	cuts := []int{0} // byte by byte
	for at := 1; at < len(head); at++ {
		cuts = append(cuts, at)
	}
	return each(cuts, func(at int) trial {
		return h.on(fmt.Sprintf("cut at %d", at), h.dial, func(v *villain) (string, bool) {
			pieces := []string{head[:at], head[at:]}
			if at == 0 {
				pieces = strings.Split(head, "")
			}
			for _, p := range pieces {
				if err := v.write([]byte(p)); err != nil {
					break // the answer tells
				}
				if at > 0 {
					time.Sleep(time.Millisecond) // so that they are two segments
				}
			}
			if _, err := v.accepted(); err != nil {
				return err.Error(), false
			}
			return "101", true
		})
	})
}

// framesWithRequest sends frames that do not wait for the answer.
func framesWithRequest(h *hostile) []trial {
	all := []byte(h.head())
	for i := range 100 {
		all = append(all, maskedText(fmt.Append(nil, i))...)
	}
	return []trial{h.on("early frames", h.dial, func(v *villain) (string, bool) {
		if _, err := v.shake(string(all)); err != nil {
			return err.Error(), false
		}
		for i := range 100 {
			if f, err := v.frame(); err != nil || string(f.payload) != fmt.Sprint(i) {
				return fmt.Sprintf("%d echoes, then %v %v", i, f, err), false
			}
		}
		return "all echoes", true
	})}
}
