package codec

import "iter"

// Offers yields the extensions that the client offers, in its order: the name
// and the parameters as they were sent (RFC 6455, 9.1). They are views as the
// Request's slices are. If any of the fields is malformed nothing is yielded:
// an offer is never made of the inside of a broken string.
func (r *Request) Offers() iter.Seq2[[]byte, []byte] {
	return func(yield func(name, params []byte) bool) {
		for list := range r.Values("Sec-WebSocket-Extensions") {
			if !validExtensions(list) {
				return
			}
		}
		for list := range r.Values("Sec-WebSocket-Extensions") {
			for more := true; more; {
				var name, params []byte
				name, params, list, more, _ = cutExtension(list)
				if !yield(name, params) {
					return
				}
			}
		}
	}
}

// validExtensions reports whether list is a well-formed list of extensions.
func validExtensions(list []byte) bool {
	for more := true; more; {
		var ok bool
		if _, _, list, more, ok = cutExtension(list); !ok {
			return false
		}
	}
	return true
}

// cutExtension cuts the first extension off a list: a token, and parameters
// that are a token each, with or without a value, which is a token or a quoted
// string that holds one (RFC 6455, 9.1).
func cutExtension(list []byte) (name, params, rest []byte, more, ok bool) {
	name, i := cutToken(list, 0)
	start := i
	for i < len(list) && list[i] == ';' {
		var p []byte
		if p, i = cutToken(list, i+1); len(p) == 0 {
			return nil, nil, nil, false, false
		}
		if i == len(list) || list[i] != '=' {
			continue
		}
		if i, ok = skipValue(list, i+1); !ok {
			return nil, nil, nil, false, false
		}
	}
	params = trimSpace(list[start:i])
	if i < len(list) && list[i] == ',' {
		return name, params, list[i+1:], true, len(name) > 0
	}
	return name, params, nil, false, len(name) > 0 && i == len(list)
}

// cutToken returns the token at i and where it ends; space around it is passed
// over.
func cutToken(s []byte, i int) (token []byte, end int) {
	i = skipSpace(s, i)
	end = i
	for end < len(s) && isToken(s[end]) {
		end++
	}
	return s[i:end:end], skipSpace(s, end)
}

// skipValue returns where the value of a parameter ends.
func skipValue(s []byte, i int) (end int, ok bool) {
	if i = skipSpace(s, i); i == len(s) || s[i] != '"' {
		token, end := cutToken(s, i)
		return end, len(token) > 0
	}
	for j := i + 1; j < len(s); j++ {
		if s[j] == '"' {
			return skipSpace(s, j+1), j > i+1
		}
		if s[j] == '\\' {
			j++
		}
		if j == len(s) || !isToken(s[j]) {
			return j, false
		}
	}
	return len(s), false
}

func skipSpace(s []byte, i int) int {
	for i < len(s) && (s[i] == ' ' || s[i] == '\t') {
		i++
	}
	return i
}
