// Package certificate has the certificates that weir serve speaks TLS with: those
// of files, read anew when they change, or those that an ACME authority issues.
package certificate

import (
	"context"
	"crypto/tls"
	"log/slog"
	"time"

	"github.com/weirws/weir/cmd/weir/internal/config"
)

// Source is where a server's certificates come from. Its methods may be called
// from any goroutine.
type Source interface {
	// Config returns what a listener speaks. The caller may change it.
	Config() *tls.Config
	// Renew looks for newer certificates at once. It returns why those that are
	// in use stay, if there is a reason. It may block on files, and on the
	// network until ctx ends.
	Renew(ctx context.Context) error
}

// Open returns the Source of a configuration with TLS. What is wrong with what
// it names is returned as [config.Faults]. log is told of certificates that come
// and that can't be had. Nothing is asked of an authority before the first
// handshake, or Renew.
func Open(c *config.Config, log *slog.Logger) (Source, error) {
	if c.Listen.TLS.ACME.On() {
		return openAuthority(c, log)
	}
	return openFiles(c, log)
}

// Check looks at what a configuration names, as Open does, and makes nothing.
func Check(c *config.Config) error {
	t := &c.Listen.TLS
	if t.Cert != "" {
		_, err := openFiles(c, slog.New(slog.DiscardHandler))
		return err
	}
	if t.ACME.CA != "" {
		if _, err := readRoots(t.ACME.CA); err != nil {
			return config.Faults{c.Fault("listen.tls.acme.ca", err.Error())}
		}
	}
	return nil
}

// Notes are what is allowed and yet hardly meant of a certificate in files, which
// Check has found right.
func Notes(c *config.Config, now time.Time) []string {
	t := &c.Listen.TLS
	if t.Cert == "" {
		return nil
	}
	pair, err := tls.LoadX509KeyPair(t.Cert, t.Key)
	if err != nil {
		return []string{err.Error()}
	}
	end := pair.Leaf.NotAfter
	switch left := end.Sub(now); {
	case left < 0:
		return []string{"the certificate " + t.Cert + " ended at " + end.Format(time.RFC3339)}
	case left < soon:
		return []string{"the certificate " + t.Cert + " ends at " + end.Format(time.RFC3339)}
	}
	return nil
}

// base is what both speak. TLS 1.2 is RFC 8446's only predecessor that is left,
// since RFC 8996.
func base() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}
}
