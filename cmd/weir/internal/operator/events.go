package operator

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// maxEventBytes bounds a line of the stream.
const maxEventBytes = 1 << 20

// Stats are the counters of a weir serve, as far as its commands show them.
type Stats struct {
	At            time.Time         `json:"at"`
	Version       string            `json:"version"`
	Connections   int64             `json:"connections"`
	Subscriptions int64             `json:"subscriptions"`
	Topics        int64             `json:"topics"`
	Published     uint64            `json:"published"`
	PendingBytes  int64             `json:"pending_bytes"`
	SlowConns     int64             `json:"slow_conns"`
	RSS           int64             `json:"rss_bytes"`
	PerConn       int64             `json:"rss_bytes_per_connection"`
	Slow          map[string]uint64 `json:"slow"`
	Drain         Drain             `json:"drain"`
	Rates         struct {
		Opened      float64 `json:"opened"`
		Closed      float64 `json:"closed"`
		MessagesIn  float64 `json:"messages_in"`
		MessagesOut float64 `json:"messages_out"`
		BytesIn     float64 `json:"bytes_in"`
		BytesOut    float64 `json:"bytes_out"`
		Published   float64 `json:"published"`
		Dropped     float64 `json:"dropped"`
	} `json:"rates"`
	FanOut struct {
		P50  float64 `json:"p50_ms"`
		P99  float64 `json:"p99_ms"`
		P999 float64 `json:"p999_ms"`
	} `json:"fanout"`
	Loops []struct {
		Conns int64   `json:"conns"`
		LagMS float64 `json:"lag_ms"`
	} `json:"loops"`
}

// Event is something that happened to a topic or a connection.
type Event struct {
	At        time.Time `json:"at"`
	What      string    `json:"what"`
	Topic     string    `json:"topic"`
	ID        string    `json:"id"`
	Event     string    `json:"event"`
	Conn      uint64    `json:"conn"`
	User      string    `json:"user"`
	Detail    string    `json:"detail"`
	Bytes     int64     `json:"bytes"`
	Receivers *int64    `json:"receivers"`
	Data      *string   `json:"data"`
	Base64    []byte    `json:"base64"`
	Cut       bool      `json:"cut"`
}

// Stats returns the counters.
func (c *Client) Stats(ctx context.Context) (*Stats, error) {
	var s Stats
	return &s, c.call(ctx, http.MethodGet, "/api/admin/stats", nil, &s)
}

// Watched says what a stream is about.
type Watched struct {
	Topic    string // empty: any, of Conn
	Conn     uint64 // 0: any, of Topic
	Payloads bool   // show what messages say
}

// Watch calls f with the name and the JSON of each event of the server's stream:
// "stats" every second, "event" for what happens, "skipped" for what was too
// much. It returns when ctx or the stream ends, or f returns an error.
func (c *Client) Watch(ctx context.Context, w Watched, f func(name string, body []byte) error) error {
	q := url.Values{}
	if w.Topic != "" {
		q.Set("topic", w.Topic)
	}
	if w.Conn != 0 {
		q.Set("conn", strconv.FormatUint(w.Conn, 10))
	}
	if w.Payloads {
		q.Set("payloads", "1")
	}
	r, err := c.send(ctx, http.MethodGet, "/api/admin/events?"+q.Encode(), nil)
	if err != nil {
		return err
	}
	defer r.Body.Close()
	if r.StatusCode != http.StatusOK {
		body, err := io.ReadAll(io.LimitReader(r.Body, maxEventBytes))
		if err != nil {
			return err
		}
		return refused(r.StatusCode, body, nil)
	}
	if r.Header.Get("Content-Type") != "text/event-stream" {
		return ErrForeign
	}
	return readEvents(r.Body, f)
}

// readEvents reads a stream of server-sent events with one line of data each.
func readEvents(r io.Reader, f func(name string, body []byte) error) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 64<<10), maxEventBytes)
	name := "message"
	for lines.Scan() {
		field, value, _ := strings.Cut(lines.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch field {
		case "event":
			name = value
		case "data":
			if !json.Valid([]byte(value)) {
				return ErrForeign
			}
			if err := f(name, []byte(value)); err != nil {
				return err
			}
		case "":
			name = "message"
		}
	}
	if err := lines.Err(); err != nil {
		return err
	}
	return io.ErrUnexpectedEOF // the server has gone
}
