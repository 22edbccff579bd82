package console

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"unicode"

	"github.com/weirws/weir/cmd/weir/internal/problem"
	"github.com/weirws/weir/cmd/weir/internal/trust"
	"github.com/weirws/weir/engine"
)

// closeNames are the registered close codes in words: RFC 6455, 7.4.1.
var closeNames = map[engine.StatusCode]string{
	engine.StatusNormalClosure:   "normal closure",
	engine.StatusGoingAway:       "going away",
	engine.StatusProtocolError:   "protocol error",
	engine.StatusUnsupportedData: "unsupported data",
	engine.StatusNoStatus:        "no status",
	engine.StatusInvalidPayload:  "invalid payload",
	engine.StatusPolicyViolation: "policy violation",
	engine.StatusMessageTooBig:   "message too big",
	engine.StatusMandatoryExt:    "mandatory extension",
	engine.StatusInternalError:   "internal error",
	engine.StatusServiceRestart:  "service restart",
	engine.StatusTryAgainLater:   "try again later",
	engine.StatusBadGateway:      "bad gateway",
}

// describe is a close code and its reason in words.
func describe(end *engine.CloseError) string {
	s := fmt.Sprint(uint16(end.Code))
	if name, ok := closeNames[end.Code]; ok {
		s += " (" + name + ")"
	}
	if end.Reason != "" {
		s += ", " + fmt.Sprintf("%q", end.Reason)
	}
	return s
}

// innermost is the text of err's first cause, which says what happened without
// saying who asked.
func innermost(err error) string {
	for next := err; next != nil; next = errors.Unwrap(err) {
		err = next
	}
	return strings.TrimPrefix(strings.TrimPrefix(err.Error(), "codec: "), "engine: ")
}

// explainDial makes a problem of the error of connecting to rawURL.
func explainDial(ctx context.Context, err error, rawURL string) error {
	host := rawURL
	if u, perr := url.Parse(rawURL); perr == nil {
		host = u.Host
	}
	var refused *engine.DialError
	var dns *net.DNSError
	switch {
	case ctx.Err() != nil:
		return problem.Failure(err, "interrupted before "+host+" answered", "")
	case errors.As(err, &refused):
		what := fmt.Sprintf("%s answered %d %s instead of opening a WebSocket", host, refused.Status, http.StatusText(refused.Status))
		return problem.Failure(err, what, complaint(refused.Body))
	case errors.Is(err, syscall.ECONNREFUSED):
		return problem.Failure(err, "nothing listens on "+host, "Is the server running, and is that its port? weir serve starts one on 127.0.0.1:8080.")
	case errors.As(err, &dns):
		return problem.Failure(err, "no address is known for the host "+dns.Name, "Check the spelling of the URL.")
	case errors.Is(err, context.DeadlineExceeded):
		return problem.Failure(err, fmt.Sprintf("%s did not answer within %v", host, engine.DefaultMaxUpgradeTime), "Check that it is a WebSocket server and can be reached.")
	}
	if told := trust.Explain(err, host); told != nil {
		return told
	}
	return problem.Failure(err, "cannot connect to "+host+": "+innermost(err), "Check that it is a WebSocket server, and that its URL begins with wss:// if it wants TLS.")
}

// complaint is what the body of a refusal says, in one line: an error in JSON
// or the first line of a text.
func complaint(body []byte) string {
	var told struct {
		Error string `json:"error"`
	}
	text := string(body)
	if json.Unmarshal(body, &told) == nil && told.Error != "" {
		text = told.Error
	}
	text, _, _ = strings.Cut(strings.TrimSpace(text), "\n")
	if text == "" || strings.HasPrefix(text, "<") { // a page is for a browser
		return ""
	}
	const longest = 200
	if r := []rune(text); len(r) > longest {
		text = string(r[:longest]) + "..."
	}
	return "It says: " + strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, text)
}
