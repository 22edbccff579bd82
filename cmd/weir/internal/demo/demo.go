// Package demo is the page that weir serve shows: two clients side by side.
package demo

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
)

// Topic is the topic that the page listens to unless its address names another.
const Topic = "demo"

// CountsPath is where the page finds the live counts: a WebSocket that sends
// the gateway's counts as JSON whenever they change.
const CountsPath = "/demo/counts"

//go:embed page.html
var page string

// Page answers with the page. It is one file that loads nothing else, so that
// it works offline.
func Page() http.Handler {
	policy := policyOf(page)
	size := strconv.Itoa(len(page))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Type", "text/html; charset=utf-8")
		h.Set("Content-Length", size)
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-cache")
		if r.Method != http.MethodHead {
			_, _ = w.Write([]byte(page)) // an error is the client's, which has gone
		}
	})
}

// policyOf is the Content-Security-Policy of the page: its own script and style
// by their hash, connections to its own server, and nothing else.
func policyOf(page string) string {
	return "default-src 'none'; img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'" +
		"; script-src " + hashOf(page, "script") + "; style-src " + hashOf(page, "style")
}

// hashOf is the source expression of the page's one element of that name.
func hashOf(page, element string) string {
	_, rest, _ := strings.Cut(page, "<"+element+">")
	text, _, _ := strings.Cut(rest, "</"+element+">")
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
