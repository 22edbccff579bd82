// Package publish is the HTTP API by which backends publish: POST
// /publish/{topic} a message, POST /publish a batch of them.
package publish

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/weirws/weir/cmd/weir/internal/config"
	"github.com/weirws/weir/cmd/weir/internal/hub"
	"github.com/weirws/weir/cmd/weir/internal/plain"
	"github.com/weirws/weir/cmd/weir/internal/rate"
	"github.com/weirws/weir/cmd/weir/internal/reply"
	"github.com/weirws/weir/cmd/weir/internal/token"
	"github.com/weirws/weir/engine"
)

// Path is where backends publish; Path and a slash and a topic is one topic.
const Path = "/publish"

// Settings are what the API goes by. They may be changed while it runs.
type Settings struct {
	Config *config.Config
	Verify plain.Verifier // nil: there are no tokens
}

// settings are Settings, and what is made of them.
type settings struct {
	Settings
	keys keyring
}

// API serves publishers. It may be used from any goroutine.
type API struct {
	hub      *hub.Hub
	log      *slog.Logger
	settings atomic.Pointer[settings]
	rate     rate.Limit
	ledger   ledger
	bodyTime time.Duration // maxBodyTime, but for tests
	mux      *http.ServeMux
}

var _ http.Handler = (*API)(nil)

// New returns an API that publishes to h.
func New(h *hub.Hub, s Settings, log *slog.Logger) *API {
	a := &API{hub: h, log: log, bodyTime: maxBodyTime}
	a.mux = a.routes()
	a.Change(s)
	return a
}

// Change gives the API other settings, for requests that come from now on.
func (a *API) Change(s Settings) {
	a.settings.Store(&settings{s, keyringOf(s.Config.Auth.PublishKeys)})
	a.rate.Set(float64(s.Config.Limits.PublishRate))
}

// ServeHTTP serves Path and what is below it.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.mux.ServeHTTP(w, r) }

func (a *API) routes() *http.ServeMux {
	mux := http.NewServeMux()
	mux.Handle(Path, reply.Only(http.HandlerFunc(a.batch), http.MethodPost))
	mux.Handle(Path+"/{topic}", reply.Only(http.HandlerFunc(a.one), http.MethodPost))
	mux.HandleFunc(Path+"/", func(w http.ResponseWriter, _ *http.Request) {
		reply.Refuse(w, http.StatusNotFound, "name one topic: POST /publish/{topic}, with a slash in its name written as %2F")
	})
	return mux
}

// refused is why a publication is not made.
type refused struct {
	status   int
	sentence string
}

func refusedf(status int, format string, args ...any) *refused {
	return &refused{status, fmt.Sprintf(format, args...)}
}

// admit says who publishes, or answers that it may not.
func (a *API) admit(w http.ResponseWriter, r *http.Request) (s *settings, o *owner, ok bool) {
	s = a.settings.Load()
	o, err := s.authenticate(r)
	switch {
	case errors.Is(err, token.ErrUnavailable):
		a.turnAway(w, r, refusedf(http.StatusServiceUnavailable, "%v", err))
	case err != nil:
		a.turnAway(w, r, refusedf(http.StatusUnauthorized, "%v", err))
	}
	return s, o, err == nil
}

// turnAway answers with a refusal. A body that was not read is not read any
// more.
func (a *API) turnAway(w http.ResponseWriter, r *http.Request, why *refused) {
	a.log.Debug("a publication was refused", "remote", r.RemoteAddr, "path", r.URL.Path, "status", why.status, "why", why.sentence)
	reply.Refuse(w, why.status, why.sentence)
}

// one serves POST /publish/{topic}.
func (a *API) one(w http.ResponseWriter, r *http.Request) {
	s, o, ok := a.admit(w, r)
	if !ok {
		return
	}
	m := hub.Message{Topic: r.PathValue("topic"), Event: r.Header.Get("X-Event"), Key: r.Header.Get("X-Conflate-Key")}
	if err := readConn(&m, r.Header.Get("X-Exclude-Socket")); err != nil {
		a.turnAway(w, r, err)
		return
	}
	if err := check(&m, o); err != nil {
		a.turnAway(w, r, err)
		return
	}
	if !a.rate.Take() {
		a.turnAway(w, r, refusedf(http.StatusTooManyRequests, "more than %v publications (limits.publish_rate)", s.Config.Limits.PublishRate))
		return
	}
	body, err := a.readBody(w, r, int64(s.Config.Limits.MaxMessage))
	if err != nil {
		a.turnAway(w, r, err)
		return
	}
	m.Data = body
	m.Kind, m.JSON = kindOf(r.Header.Get("Content-Type"), body)
	receipt, err := a.publish(&m, o, r.Header.Get("X-Idempotency-Key"))
	if err != nil {
		a.turnAway(w, r, err)
		return
	}
	reply.JSON(w, http.StatusOK, receipt)
}

// readConn reads the ID of the connection that is left out.
func readConn(m *hub.Message, id string) *refused {
	if id == "" {
		return nil
	}
	n, err := strconv.ParseUint(id, 10, 64)
	if err != nil || n == 0 {
		return refusedf(http.StatusBadRequest, "X-Exclude-Socket is %.40q; it is the number that a client with envelope=json gets as conn", id)
	}
	m.Except = n
	return nil
}

// check judges the names of m, and whether o may publish it.
func check(m *hub.Message, o *owner) *refused {
	if err := errors.Join(hub.CheckTopic(m.Topic), hub.CheckEvent(m.Event), hub.CheckKey(m.Key)); err != nil {
		return refusedf(http.StatusBadRequest, "%v", err)
	}
	if !o.may(m.Topic) {
		return refusedf(http.StatusForbidden, "%s may not publish to %q", o.name, m.Topic)
	}
	return nil
}

// publish makes a publication, if one with its idempotency key was not made
// before.
func (a *API) publish(m *hub.Message, o *owner, key string) (receipt hub.Receipt, why *refused) {
	if len(key) > maxIdempotencyBytes {
		return receipt, refusedf(http.StatusBadRequest, "the idempotency key has %d bytes; %d are the most", len(key), maxIdempotencyBytes)
	}
	var err error
	if key == "" {
		receipt, err = a.hub.Publish(m)
	} else {
		receipt, err = a.ledger.once(digestOf(o.name, m.Topic, key), time.Now(), func() (hub.Receipt, error) { return a.hub.Publish(m) })
	}
	if err != nil {
		return receipt, refusedf(http.StatusTooManyRequests, "%v", err)
	}
	return receipt, nil
}

// readBody reads a body within the limit; one that declares more is not read.
func (a *API) readBody(w http.ResponseWriter, r *http.Request, most int64) ([]byte, *refused) {
	if r.ContentLength > most {
		w.Header().Set("Connection", "close") // what follows is not read
		return nil, tooLarge(most)
	}
	// A writer without a deadline, as in tests, waits for ever.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(a.bodyTime))
	var b []byte
	var err error
	if r.ContentLength >= 0 { // mostly
		b = make([]byte, r.ContentLength)
		_, err = io.ReadFull(r.Body, b)
	} else {
		b, err = io.ReadAll(http.MaxBytesReader(w, r.Body, most))
	}
	if err != nil {
		return nil, a.unread(err, most)
	}
	return b, nil
}

func tooLarge(most int64) *refused {
	return refusedf(http.StatusRequestEntityTooLarge, "a message has at most %d bytes (limits.max_message)", most)
}

// unread is about a body that could not be read.
func (a *API) unread(err error, most int64) *refused {
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return tooLarge(most)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return refusedf(http.StatusRequestTimeout, "the message did not come within %v", a.bodyTime)
	}
	return refusedf(http.StatusBadRequest, "the body could not be read: %v", err)
}

// kindOf says what kind of frame a body becomes, binary if its type says so or
// if it could not be text, and whether it is JSON.
func kindOf(contentType string, body []byte) (k engine.Kind, isJSON bool) {
	if contentType == "" || contentType == "application/x-www-form-urlencoded" { // curl's, whatever it sends
		return textIfUTF8(body), false
	}
	t, _, err := mime.ParseMediaType(contentType)
	if err == nil && t == "application/octet-stream" {
		return engine.Binary, false
	}
	k = textIfUTF8(body)
	isJSON = err == nil && (t == "application/json" || strings.HasSuffix(t, "+json"))
	return k, isJSON && k == engine.Text && json.Valid(body)
}

func textIfUTF8(body []byte) engine.Kind {
	if utf8.Valid(body) {
		return engine.Text
	}
	return engine.Binary
}

// item is a line of a batch.
type item struct {
	Topic          string          `json:"topic"`
	Event          string          `json:"event"`
	Data           json.RawMessage `json:"data"`
	Base64         *string         `json:"base64"`
	IdempotencyKey string          `json:"idempotency_key"`
	ConflateKey    string          `json:"conflate_key"`
	ExcludeSocket  string          `json:"exclude_socket"`
}

// outcome is the line that answers one.
type outcome struct {
	*hub.Receipt
	Status int    `json:"status"`
	Error  string `json:"error,omitempty"`
}

// batch serves POST /publish: a JSON object on each line, and a line of answer
// for each.
func (a *API) batch(w http.ResponseWriter, r *http.Request) {
	s, o, ok := a.admit(w, r)
	if !ok {
		return
	}
	lines, why := a.readLines(w, r, int(s.Config.Limits.MaxMessage))
	if why != nil {
		a.turnAway(w, r, why)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/x-ndjson")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	out := json.NewEncoder(w)
	for _, line := range lines {
		_ = out.Encode(a.line(s, o, line)) // an error is the client's, which has gone
	}
}

// readLines reads all lines of a batch before any is published, so that a batch
// that is too long or does not come whole is refused as one.
func (a *API) readLines(w http.ResponseWriter, r *http.Request, maxMessage int) (lines [][]byte, why *refused) {
	maxLine := maxMessage/3*4 + 4 + lineOverhead // base64
	most := int64(maxBatch * (maxLine + 1))
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(a.bodyTime)) // as in readBody
	in := bufio.NewScanner(http.MaxBytesReader(w, r.Body, most))
	in.Buffer(make([]byte, 0, min(maxLine, 4<<10)), maxLine)
	for in.Scan() {
		line := bytes.TrimSpace(in.Bytes())
		if len(line) == 0 {
			continue
		}
		if len(lines) == maxBatch {
			return nil, refusedf(http.StatusRequestEntityTooLarge, "a batch has at most %d lines", maxBatch)
		}
		lines = append(lines, bytes.Clone(line))
	}
	switch err := in.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return nil, refusedf(http.StatusRequestEntityTooLarge, "line %d has more than %d bytes", len(lines)+1, maxLine)
	case err != nil:
		return nil, a.unread(err, most)
	case len(lines) == 0:
		return nil, refusedf(http.StatusBadRequest, `a batch has a JSON object on each line: {"topic":"news","data":"hello"}`)
	}
	return lines, nil
}

// line publishes a line of a batch.
func (a *API) line(s *settings, o *owner, text []byte) outcome {
	receipt, why := a.publishLine(s, o, text)
	if why != nil {
		return outcome{Status: why.status, Error: why.sentence}
	}
	return outcome{Receipt: &receipt, Status: http.StatusOK}
}

func (a *API) publishLine(s *settings, o *owner, text []byte) (none hub.Receipt, why *refused) {
	var i item
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if !utf8.Valid(text) {
		return none, refusedf(http.StatusBadRequest, "the line is not UTF-8")
	}
	if err := d.Decode(&i); err != nil {
		return none, refusedf(http.StatusBadRequest, "the line is no publication: %v", err)
	}
	if d.More() {
		return none, refusedf(http.StatusBadRequest, "the line has more than one JSON object")
	}
	m := hub.Message{Topic: i.Topic, Event: i.Event, Key: i.ConflateKey}
	if why = readConn(&m, i.ExcludeSocket); why != nil {
		return none, why
	}
	if why = check(&m, o); why != nil {
		return none, why
	}
	if err := m.Fill(i.Data, i.Base64); err != nil {
		return none, refusedf(http.StatusBadRequest, "%v", err)
	}
	if most := int(s.Config.Limits.MaxMessage); len(m.Data) > most {
		return none, tooLarge(int64(most))
	}
	if !a.rate.Take() {
		return none, refusedf(http.StatusTooManyRequests, "more than %v publications (limits.publish_rate)", s.Config.Limits.PublishRate)
	}
	return a.publish(&m, o, i.IdempotencyKey)
}
