// Package reply is how the gateway answers over HTTP: in JSON, on one line, and
// a refusal says what to do.
package reply

import (
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/weirws/weir/engine"
)

// problem is the JSON of a refusal.
type problem struct {
	Error string `json:"error"`
}

// line is v as JSON, on one line.
func line(v any) []byte {
	body, err := json.Marshal(v)
	if err != nil {
		panic("reply: an answer that is no JSON: " + err.Error())
	}
	return append(body, '\n')
}

// JSON answers with v.
func JSON(w http.ResponseWriter, status int, v any) {
	body := line(v)
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(body) // an error is the client's, which has gone
}

// Refuse answers with an error. A challenge that is in the header already stays
// before that of 401.
func Refuse(w http.ResponseWriter, status int, sentence string) {
	switch status {
	case http.StatusUnauthorized:
		w.Header().Add("WWW-Authenticate", `Bearer realm="weir"`)
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", retryAfter(status))
	}
	JSON(w, status, problem{sentence})
}

// Refusal is Refuse for an upgrade.
func Refusal(status int, sentence string) *engine.Refusal {
	h := http.Header{"Content-Type": {"application/json"}}
	switch status {
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", `Bearer realm="weir"`)
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		h.Set("Retry-After", retryAfter(status))
	}
	return &engine.Refusal{Status: status, Header: h, Body: string(line(problem{sentence}))}
}

// retryAfter is when to come back, in seconds: a publisher soon, and those that
// found no room spread out, so that they don't all come at once.
func retryAfter(status int) string {
	if status == http.StatusTooManyRequests {
		return "1"
	}
	return strconv.Itoa(minRetrySeconds + rand.IntN(maxRetrySeconds-minRetrySeconds+1))
}

// Only lets through the methods that a path takes.
func Only(h http.Handler, methods ...string) http.Handler {
	allow := strings.Join(methods, ", ")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if slices.Contains(methods, r.Method) {
			h.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Allow", allow)
		Refuse(w, http.StatusMethodNotAllowed, r.URL.Path+" takes "+allow+", not "+r.Method)
	})
}
