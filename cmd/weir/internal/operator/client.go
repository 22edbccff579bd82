// Package operator is the other side of the admin API: what weir's commands for
// operators talk with.
package operator

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	// maxAnswerBytes bounds an answer; a thousand connections with a hundred
	// topics each are less.
	maxAnswerBytes = 64 << 20
	// answerTime bounds the wait for one.
	answerTime = 10 * time.Second
)

// Client talks to the admin port of one weir serve. Its methods may be called
// from any goroutine, and wait for the answer, until ctx ends.
type Client struct {
	base  string // "http://host:port"
	token string
	http  http.Client
}

// NewClient returns a Client for base, like "http://127.0.0.1:8081", or
// "unix:/path". secured is for https:// URLs; nil: the system's authorities are
// trusted.
func NewClient(base, token string, secured *tls.Config) *Client {
	c := &Client{base: strings.TrimSuffix(base, "/"), token: token}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.ResponseHeaderTimeout = answerTime // of streams, too
	if secured != nil {
		transport.TLSClientConfig = secured
	}
	if path, ok := strings.CutPrefix(base, "unix:"); ok {
		c.base = "http://localhost"
		transport.Proxy = nil
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		}
	}
	c.http.Transport = transport
	return c
}

// ErrForeign is an answer that is not weir's.
var ErrForeign = errors.New("operator: the answer is not that of an admin port of weir")

// ErrNoConn is the answer that there is no such connection, or not any more.
var ErrNoConn = errors.New("operator: there is no such connection")

// StatusError is an answer that is a refusal: ErrNoConn, ErrForeign or another
// one.
type StatusError struct {
	Status int
	Text   string // what the server said, in a sentence
	code   string // likewise, for programs; "" in most answers
}

// Error is what the server said.
func (e *StatusError) Error() string {
	if e.Text == "" {
		return "the answer is " + strconv.Itoa(e.Status) + " " + http.StatusText(e.Status)
	}
	return e.Text
}

// Unwrap says which refusal it is, nil if there is no name for it: the admin port
// answers 404 with a code to what it knows, and without one nothing is there.
func (e *StatusError) Unwrap() error {
	switch {
	case e.code == "no_connection":
		return ErrNoConn
	case e.Status == http.StatusNotFound:
		return ErrForeign
	}
	return nil
}

// Conn is a connection.
type Conn struct {
	ID           uint64    `json:"id"`
	User         string    `json:"user"`
	IP           string    `json:"ip"`
	ConnectedAt  time.Time `json:"connected_at"`
	Topics       []string  `json:"topics"`
	PendingBytes int64     `json:"pending_bytes"`
	MessagesIn   uint64    `json:"messages_in"`
	MessagesOut  uint64    `json:"messages_out"`
}

// Topic is a topic that someone subscribes to.
type Topic struct {
	Name        string `json:"name"`
	Subscribers int64  `json:"subscribers"`
	Published   uint64 `json:"published"`
	Dropped     uint64 `json:"dropped"`
}

// Query says which connections are asked for; what is empty is any.
type Query struct {
	User, IP, Topic string
	Limit           int // 0: as many as the server gives without being asked
}

// Drain says how far a drain is.
type Drain struct {
	Active  bool    `json:"active"`
	Total   int64   `json:"total"` // connections when it began
	Left    int64   `json:"left"`
	Seconds float64 `json:"seconds"` // of its window
}

// Reloaded says what became of a reload.
type Reloaded struct {
	Applied      []string `json:"applied"`
	NeedsRestart []string `json:"needs_restart"`
	Error        string   `json:"error"`
	Faults       []string `json:"faults"`
}

// Conns lists connections, and returns how many there are altogether.
func (c *Client) Conns(ctx context.Context, q Query) ([]Conn, int64, error) {
	values := url.Values{}
	for name, value := range map[string]string{"user": q.User, "ip": q.IP, "topic": q.Topic} {
		if value != "" {
			values.Set(name, value)
		}
	}
	if q.Limit > 0 {
		values.Set("limit", strconv.Itoa(q.Limit))
	}
	var answer struct {
		Conns []Conn `json:"conns"`
		Total int64  `json:"total"`
	}
	err := c.call(ctx, http.MethodGet, "/api/admin/conns?"+values.Encode(), nil, &answer)
	return answer.Conns, answer.Total, err
}

// Kick closes a connection.
func (c *Client) Kick(ctx context.Context, id uint64) error {
	var answer struct {
		Kicked uint64 `json:"kicked"`
	}
	err := c.call(ctx, http.MethodDelete, "/api/admin/conns/"+strconv.FormatUint(id, 10), nil, &answer)
	if err == nil && answer.Kicked != id {
		return ErrForeign
	}
	return err
}

// Topics lists the topics with the most subscribers first, and returns how many
// there are altogether.
func (c *Client) Topics(ctx context.Context) ([]Topic, int64, error) {
	var answer struct {
		Topics []Topic `json:"topics"`
		Total  int64   `json:"total"`
	}
	err := c.call(ctx, http.MethodGet, "/api/admin/topics", nil, &answer)
	return answer.Topics, answer.Total, err
}

// Drain has all connections closed over a time; negative: the configuration's.
func (c *Client) Drain(ctx context.Context, over time.Duration) (Drain, error) {
	asked := map[string]string{}
	if over >= 0 {
		asked["duration"] = over.String()
	}
	var d Drain
	return d, c.call(ctx, http.MethodPost, "/api/admin/drain", asked, &d)
}

// Reload has the configuration read anew. Faults are in the answer, and an error
// as well.
func (c *Client) Reload(ctx context.Context) (Reloaded, error) {
	var r Reloaded
	return r, c.call(ctx, http.MethodPost, "/api/admin/reload", nil, &r)
}

// call makes a request and reads its answer into answer.
func (c *Client) call(ctx context.Context, method, path string, body, answer any) error {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	var text io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return err
		}
		text = bytes.NewReader(b)
	}
	r, err := c.send(ctx, method, path, text)
	if err != nil {
		return err
	}
	defer r.Body.Close()
	got, err := io.ReadAll(io.LimitReader(r.Body, maxAnswerBytes))
	if err != nil {
		return err
	}
	if r.StatusCode >= 300 {
		return refused(r.StatusCode, got, answer)
	}
	return understood(json.Unmarshal(got, answer))
}

// refused makes an error of a refusal, which may say more than its sentence.
func refused(status int, body []byte, answer any) error {
	var why struct {
		Error string `json:"error"`
		Code  string `json:"code"`
	}
	_ = json.Unmarshal(body, &why) // a proxy's refusal is no JSON
	if answer != nil {
		_ = json.Unmarshal(body, answer) // likewise
	}
	return &StatusError{Status: status, Text: why.Error, code: why.Code}
}

func (c *Client) send(ctx context.Context, method, path string, body io.Reader) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", "application/json")
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	answer, err := c.http.Do(r)
	var failed *url.Error
	if errors.As(err, &failed) {
		return nil, failed.Err // the URL is known
	}
	return answer, err
}

func understood(err error) error {
	if err != nil {
		return fmt.Errorf("%w: %w", ErrForeign, err)
	}
	return nil
}
