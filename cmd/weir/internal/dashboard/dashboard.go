// Package dashboard is the page on the port of operators.
package dashboard

import (
	_ "embed"
	"net/http"

	"github.com/weirws/weir/cmd/weir/internal/page"
)

//go:embed page.html
var html string

// Page answers with the page.
func Page() http.Handler { return page.Handler(html) }
