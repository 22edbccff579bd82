// Package demo is the page that weir serve shows: two clients side by side.
package demo

import (
	_ "embed"
	"html"
	"net/http"
	"strings"

	"github.com/weirws/weir/cmd/weir/internal/page"
)

// Topic is the topic that the page listens to unless its address names another.
const Topic = "demo"

// CountsPath is where the page finds the live counts: a WebSocket that sends
// the gateway's counts as JSON whenever they change.
const CountsPath = "/demo/counts"

// noKey is where the key stands in the page.
const noKey = `<meta name="weir-key" content="">`

//go:embed page.html
var source string

// Page answers with the page, which publishes with the key.
func Page(key string) http.Handler {
	return page.Handler(strings.Replace(source, noKey, strings.Replace(noKey, `""`, `"`+html.EscapeString(key)+`"`, 1), 1))
}
