package reply

import (
	"net/http"
	"time"
)

// Hurry bounds the wait for a request's body to 5 s: net/http waits for it even
// behind a refusal. A handler that wants more of the body sets a read deadline of
// its own.
func Hurry(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength != 0 {
			_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTime)) // a connection without deadlines is no network's
		}
		h.ServeHTTP(w, r)
	})
}
