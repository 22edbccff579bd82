package gateway

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"time"
	"unicode/utf8"

	"github.com/weirws/weir/engine"
)

// published is the answer to a publication.
type published struct {
	// Receivers is the number of clients that the message was queued for.
	Receivers int `json:"receivers_local"`
}

// publish serves POST /publish/{topic}.
func (g *Gateway) publish(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("topic")
	if err := checkTopic(name); err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	body, err := g.readBody(w, r)
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		refuse(w, http.StatusRequestEntityTooLarge, fmt.Sprintf("a message has at most %d bytes", large.Limit))
		return
	case errors.Is(err, os.ErrDeadlineExceeded):
		refuse(w, http.StatusRequestTimeout, fmt.Sprintf("the message did not come within %v", g.bodyTime))
		return
	case err != nil:
		refuse(w, http.StatusBadRequest, "the body could not be read: "+err.Error())
		return
	}
	n := g.topics.publish(name, kindOf(r.Header.Get("Content-Type"), body), body)
	g.counts.published.Add(1)
	g.counts.delivered.Add(int64(n))
	answer(w, http.StatusOK, published{n})
}

// readBody reads a body within the limit; one that declares more is not read.
func (g *Gateway) readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.ContentLength > maxPayloadBytes {
		w.Header().Set("Connection", "close") // what follows is not read
		return nil, &http.MaxBytesError{Limit: maxPayloadBytes}
	}
	// A writer without a deadline, as in tests, waits for ever.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(g.bodyTime))
	return io.ReadAll(http.MaxBytesReader(w, r.Body, maxPayloadBytes))
}

// kindOf says what kind of frame a body becomes: binary if its type says so or
// if it could not be text.
func kindOf(contentType string, body []byte) engine.Kind {
	if t, _, err := mime.ParseMediaType(contentType); err == nil && t == "application/octet-stream" {
		return engine.Binary
	}
	if utf8.Valid(body) {
		return engine.Text
	}
	return engine.Binary
}
