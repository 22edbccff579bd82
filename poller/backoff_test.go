package poller

import (
	"bytes"
	"errors"
	"log/slog"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestBackOff(t *testing.T) {
	var b backOff
	for _, want := range []time.Duration{5, 10, 20, 40, 80, 160, 320, 640, 1000, 1000} {
		if got := b.next(); got != want*time.Millisecond {
			t.Errorf("got %v, want %vms", got, int64(want))
		}
	}
	b.reset()
	if got := b.next(); got != minAcceptPause {
		t.Errorf("after a success: got %v, want %v", got, minAcceptPause)
	}
}

// TestBackOffReport: one line a second, however often it fails.
func TestBackOffReport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		b := backOff{log: slog.New(slog.NewTextHandler(&log, nil))}
		for range 400 { // ten seconds
			b.report(errors.New("too many open files"), &net.UnixAddr{Name: "s", Net: "unix"})
			time.Sleep(25 * time.Millisecond)
		}
		time.Sleep(2 * acceptLogPause)
		if n := strings.Count(log.String(), "\n"); n < 8 || n > 10 {
			t.Errorf("%d lines in ten seconds", n)
		}
	})
}
