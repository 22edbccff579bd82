package plain

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/weirws/weir/cmd/weir/internal/hub"
	"github.com/weirws/weir/cmd/weir/internal/reply"
	"github.com/weirws/weir/cmd/weir/internal/token"
	"github.com/weirws/weir/engine"
)

// bearer begins the subprotocol that carries a token, for browsers, which can
// set no header.
const bearer = "bearer."

// upgrade judges GET /ws?topic=a&topic=b.
func (p *Protocol) upgrade(r *engine.Request) (any, error) {
	start := time.Now()
	cl, result, err := p.judge(r)
	if err != nil {
		p.counts.refused(result)
		p.log.Debug("an upgrade was refused", "remote", r.HTTP.RemoteAddr, "result", result, "status", err.Status, "why", strings.TrimSpace(err.Body))
		return nil, err
	}
	cl.asked = start
	return cl, nil
}

// judge does it. result is what a refusal is counted as. A client that is let in
// has taken a place: at the end, so that whoever is refused takes none.
func (p *Protocol) judge(r *engine.Request) (cl *Client, result string, err *engine.Refusal) {
	if result, err := p.room.Judge(); err != nil {
		return nil, result, err
	}
	s := p.settings.Load()
	if err := CheckOrigin(r.HTTP, s.Config.Auth.AllowedOrigins); err != nil {
		return nil, "origin", err
	}
	cl, raw, err := p.read(r)
	switch {
	case err == nil:
	case err.Status == http.StatusUnauthorized:
		return nil, "unauthorized", err
	default:
		return nil, "bad_request", err
	}
	id := s.anonymous
	switch {
	case raw != "" && s.Verify == nil:
		return nil, "unauthorized", reply.Refusal(http.StatusUnauthorized, "no key is configured that tokens could be signed with: see auth.keys")
	case raw != "":
		known, wrong := s.Verify(r.HTTP.Context(), raw)
		switch {
		case errors.Is(wrong, token.ErrUnavailable):
			return nil, "unavailable", reply.Refusal(http.StatusServiceUnavailable, wrong.Error())
		case wrong != nil:
			return nil, "unauthorized", reply.Refusal(http.StatusUnauthorized, wrong.Error())
		}
		id = known
	case len(id.Subscribe) == 0:
		return nil, "unauthorized", reply.Refusal(http.StatusUnauthorized, "a token is wanted: as ?access_token=, Authorization: Bearer, or the subprotocol bearer.TOKEN")
	}
	for _, name := range cl.names {
		if !id.MaySubscribe(name) {
			return nil, "forbidden", reply.Refusal(http.StatusForbidden, fmt.Sprintf("%s may not subscribe to %q", who(raw, id.User), name))
		}
	}
	cl.id = id
	if !id.Expires.IsZero() {
		cl.expires = id.Expires.Unix()
	}
	if result, err := p.room.Take(); err != nil {
		return nil, result, err
	}
	return cl, "", nil
}

// who names somebody in a refusal.
func who(raw, user string) string {
	switch {
	case raw == "":
		return "a client without a token"
	case user == "":
		return "this token"
	}
	return "the user " + user
}

// read reads what the request asks for, and finds the token.
func (p *Protocol) read(r *engine.Request) (cl *Client, raw string, err *engine.Refusal) {
	bad := func(format string, args ...any) (*Client, string, *engine.Refusal) {
		return nil, "", reply.Refusal(http.StatusBadRequest, fmt.Sprintf(format, args...))
	}
	query, qerr := url.ParseQuery(r.HTTP.URL.RawQuery)
	if qerr != nil {
		return bad("the query is malformed: %v", qerr)
	}
	for name := range query {
		if name != "topic" && name != "envelope" && name != "access_token" {
			return bad("there is no parameter %q; there are topic, envelope and access_token", name)
		}
	}
	cl = &Client{names: slices.Clone(query["topic"])}
	switch form := query.Get("envelope"); form {
	case "":
	case "json":
		cl.form = hub.Enveloped
	default:
		return bad("envelope is %q; it can be json", form)
	}
	if len(cl.names) == 0 && cl.form == hub.Raw {
		return bad("name at least one topic: /ws?topic=news")
	}
	slices.Sort(cl.names)
	cl.names = slices.Compact(cl.names)
	if most := p.settings.Load().Config.Limits.MaxTopicsPerConn; len(cl.names) > most {
		return bad("there are %d topics; %d are the most (limits.max_topics_per_conn)", len(cl.names), most)
	}
	for _, name := range cl.names {
		if err := hub.CheckTopic(name); err != nil {
			return bad("%v", err)
		}
	}
	if raw, err = tokenOf(r, query); err != nil {
		return nil, "", err
	}
	return cl, raw, nil
}

// tokenOf finds the token of a request, "" if it has none.
func tokenOf(r *engine.Request, query url.Values) (string, *engine.Refusal) {
	var found []string
	if query.Has("access_token") {
		found = append(found, query.Get("access_token"))
	}
	if h := r.HTTP.Header.Get("Authorization"); h != "" {
		scheme, token, _ := strings.Cut(h, " ")
		if !strings.EqualFold(scheme, "Bearer") {
			return "", reply.Refusal(http.StatusUnauthorized, "Authorization begins with Bearer here, and the token stands behind it")
		}
		found = append(found, strings.TrimSpace(token))
	}
	var other string
	for _, s := range r.Subprotocols {
		if token, ok := strings.CutPrefix(s, bearer); ok {
			found = append(found, token)
		} else if other == "" {
			other = s
		}
	}
	if len(r.Subprotocols) > 0 { // a browser wants one of those that it offers
		if other == "" {
			other = r.Subprotocols[0]
		}
		_ = r.SetSubprotocol(other) // it was offered
	}
	switch {
	case len(found) == 0:
		return "", nil
	case len(found) > 1:
		return "", reply.Refusal(http.StatusBadRequest, "there are several tokens: send one, as ?access_token=, Authorization: Bearer, or the subprotocol bearer.TOKEN")
	case found[0] == "":
		return "", reply.Refusal(http.StatusUnauthorized, "the token is empty")
	case len(found[0]) > maxTokenBytes:
		return "", reply.Refusal(http.StatusUnauthorized, fmt.Sprintf("the token has more than %d bytes", maxTokenBytes))
	}
	return found[0], nil
}

// CheckOrigin refuses pages of other origins than weir's own and those that are
// allowed: RFC 6455, 10.2. What sends no Origin is no page.
func CheckOrigin(r *http.Request, allowed []string) *engine.Refusal {
	origin := r.Header.Get("Origin")
	if origin == "" || originAllowed(origin, r.Host, allowed) {
		return nil
	}
	return reply.Refusal(http.StatusForbidden, fmt.Sprintf("pages of %s may not connect here: see auth.allowed_origins", origin))
}

// originAllowed compares an origin with the server's own and with patterns such
// as "https://*.example.com".
func originAllowed(origin, host string, allowed []string) bool {
	origin = strings.ToLower(origin)
	scheme, authority, ok := strings.Cut(origin, "://")
	if ok && authority != "" && withoutPort(scheme, authority) == withoutPort(scheme, strings.ToLower(host)) {
		return true
	}
	for _, pattern := range allowed {
		if pattern == "*" {
			return true
		}
		pattern = strings.ToLower(pattern)
		if origin == pattern {
			return true
		}
		want, domain, _ := strings.Cut(pattern, "://*.")
		if domain != "" && ok && scheme == want && strings.HasSuffix(authority, "."+domain) && plainHost(authority) {
			return true
		}
	}
	return false
}

// plainHost reports whether an authority is a host and perhaps a port, with
// nothing in it that could make it look like another.
func plainHost(authority string) bool {
	return !strings.ContainsAny(authority, "/\\?#@ ")
}

// withoutPort leaves out the port that the scheme has anyway.
func withoutPort(scheme, authority string) string {
	switch scheme {
	case "http", "ws":
		return strings.TrimSuffix(authority, ":80")
	case "https", "wss":
		return strings.TrimSuffix(authority, ":443")
	}
	return authority
}
