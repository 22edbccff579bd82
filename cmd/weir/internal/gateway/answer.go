package gateway

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

// answer writes v as JSON, on one line.
func answer(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		panic("gateway: an answer that is no JSON: " + err.Error())
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // an error is the client's, which has gone
}

// problem is the JSON of a refusal.
type problem struct {
	Error string `json:"error"`
}

// refuse answers with an error that says what to do.
func refuse(w http.ResponseWriter, status int, sentence string) {
	answer(w, status, problem{sentence})
}

// only lets through the methods that a path takes.
func only(h http.Handler, methods ...string) http.Handler {
	allow := strings.Join(methods, ", ")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if slices.Contains(methods, r.Method) {
			h.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Allow", allow)
		refuse(w, http.StatusMethodNotAllowed, r.URL.Path+" takes "+allow+", not "+r.Method)
	})
}

// wantsUpgrade answers a plain request where a WebSocket is.
func wantsUpgrade(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Upgrade", "websocket")
	w.Header().Set("Connection", "Upgrade")
	refuse(w, http.StatusUpgradeRequired, r.URL.Path+" is a WebSocket: connect to it with weir connect, or with new WebSocket in a page")
}

// unknownPath answers a request to a path that there is not.
func unknownPath(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/publish" || strings.HasPrefix(r.URL.Path, PublishPath) {
		refuse(w, http.StatusNotFound, "name one topic: POST /publish/{topic}, with a slash in its name written as %2F")
		return
	}
	refuse(w, http.StatusNotFound, "there is nothing at "+r.URL.Path+"; there is a demo page at /, GET /ws?topic=name and POST /publish/{topic}")
}
