package gateway

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/weirws/weir/cmd/weir/internal/metrics"
	"github.com/weirws/weir/engine"
)

// TestConnectionsPerIP: one address has so many sockets, whoever it is, and leaves
// room to others; a client behind a trusted proxy is told.
func TestConnectionsPerIP(t *testing.T) {
	c := testConfig()
	c.Limits.MaxConnectionsPerIP = 3
	c.Listen.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.9/32")}
	g, host := startWith(t, Options{Config: c})
	s := newComers(t, host)
	from := func(ip byte, forwarded string) error {
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, ip)}}
		o := &engine.DialOptions{Dial: d.DialContext}
		if forwarded != "" {
			o.Header = http.Header{"X-Forwarded-For": {forwarded}}
		}
		_, err := s.client.Dial(t.Context(), s.url, o)
		return err
	}
	var refused *engine.DialError
	for _, client := range []struct {
		ip        byte
		forwarded string
		told      bool
	}{{1, "", false}, {2, "", false}, {9, "192.0.2.1", true}, {9, "192.0.2.2", true}} {
		for i := range 3 {
			if err := from(client.ip, client.forwarded); err != nil {
				t.Errorf("%+v, socket %d: %v", client, i+1, err)
			}
		}
		err := from(client.ip, client.forwarded)
		switch told := errors.As(err, &refused); {
		case err == nil || told != client.told:
			t.Errorf("%+v: got %v", client, err)
		case told && refused.Status != http.StatusTooManyRequests:
			t.Errorf("%+v: got %d, want 429", client, refused.Status)
		}
	}
	w := httptest.NewRecorder()
	metrics.Handler(g.source()).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if !strings.Contains(w.Body.String(), "\nweir_turned_away_total 4\n") {
		t.Error("the metric does not say that 4 were turned away")
	}
}
