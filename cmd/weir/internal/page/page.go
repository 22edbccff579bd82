// Package page serves pages that are one file: they load nothing else, so that
// they work offline, and may do nothing else.
package page

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
)

// Handler answers with a page, which has one style and one script element.
func Handler(html string) http.Handler {
	policy := policyOf(html)
	size := strconv.Itoa(len(html))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Type", "text/html; charset=utf-8")
		h.Set("Content-Length", size)
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-cache")
		if r.Method != http.MethodHead {
			_, _ = w.Write([]byte(html)) // an error is the client's, which has gone
		}
	})
}

// policyOf is the Content-Security-Policy of a page: its own script and style by
// their hash, connections to its own server, and nothing else.
func policyOf(html string) string {
	return "default-src 'none'; img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'" +
		"; script-src " + hashOf(html, "script") + "; style-src " + hashOf(html, "style")
}

// hashOf is the source expression of the page's one element of that name.
func hashOf(html, element string) string {
	_, rest, _ := strings.Cut(html, "<"+element+">")
	text, _, _ := strings.Cut(rest, "</"+element+">")
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
