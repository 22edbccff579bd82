package hub

import (
	"encoding/base64"
	"encoding/json"

	"github.com/weirws/weir/engine"
)

// appendEnvelope appends a message as subscribers of the form Enveloped get it:
//
//	{"type":"message","topic":"news","id":"e7k2-1042","event":"new","data":...}
//
// data is a string, or what was published as JSON. A binary message has base64
// instead of it.
func appendEnvelope(b []byte, m *Message, id string) []byte {
	b = append(b, `{"type":"message","topic":`...)
	b = appendString(b, m.Topic)
	b = append(b, `,"id":"`...)
	b = append(b, id...)
	b = append(b, '"')
	if m.Event != "" {
		b = append(b, `,"event":`...)
		b = appendString(b, m.Event)
	}
	switch {
	case m.Kind == engine.Binary:
		b = append(b, `,"base64":"`...)
		b = base64.StdEncoding.AppendEncode(b, m.Data)
		b = append(b, '"')
	case m.JSON:
		b = append(b, `,"data":`...)
		b = append(b, m.Data...)
	default:
		b = append(b, `,"data":`...)
		b = appendString(b, string(m.Data))
	}
	return append(b, '}')
}

// appendString appends s, which is UTF-8, as a JSON string.
func appendString(b []byte, s string) []byte {
	quoted, err := json.Marshal(s)
	if err != nil {
		panic("hub: a string that is no JSON: " + err.Error())
	}
	return append(b, quoted...)
}
