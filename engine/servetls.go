package engine

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/weirws/weir/engine/internal/tlspump"
	"github.com/weirws/weir/poller"
)

// ListenAndServeTLS is Listen and ServeTLS: wss:// and https:// on addr.
func (s *Server) ListenAndServeTLS(addr, certFile, keyFile string) error {
	ln, err := s.Listen(addr)
	if err != nil {
		return err
	}
	return s.ServeTLS(ln, certFile, keyFile)
}

// ServeTLS is Serve of connections on TLS, as [Options.TLS] says. certFile and
// keyFile have a certificate, with what is between it and its root, and its key,
// in PEM. They are looked at again, once a second at most, when a client shakes
// hands: what has changed is taken from then on, unless it can't be read, which
// is logged. Both are "" if Options.TLS has certificates.
//
// After the handshake a connection has no goroutine, and Weir holds no buffers
// for it besides what crypto/tls keeps.
func (s *Server) ServeTLS(ln net.Listener, certFile, keyFile string) error {
	cfg, err := s.tlsConfig(certFile, keyFile)
	if err != nil {
		_ = ln.Close() // the error that matters is err
		return fmt.Errorf("engine: %w", err)
	}
	l, err := s.own(ln)
	if err != nil {
		return err
	}
	return s.accept(l, func(_ *poller.Loop, remote netip.AddrPort) (*poller.Conn, poller.Handler) {
		c := s.accepted(remote)
		if c == nil {
			return nil, nil
		}
		return &c.sock, c.onTLS(&secure{config: cfg})
	})
}

// tlsConfig is Options.TLS as connections of the loops use it.
func (s *Server) tlsConfig(certFile, keyFile string) (*tls.Config, error) {
	cfg := new(tls.Config)
	if s.core.TLS != nil {
		cfg = s.core.TLS.Clone()
	}
	switch {
	case certFile != "" || keyFile != "":
		pair, err := newKeyPair(certFile, keyFile, s.core.Log)
		if err != nil {
			return nil, err
		}
		cfg.Certificates, cfg.GetCertificate = nil, pair.get
	case len(cfg.Certificates) == 0 && cfg.GetCertificate == nil && cfg.GetConfigForClient == nil:
		return nil, errors.New("serve TLS: there is no certificate, neither a file nor in Options.TLS")
	}
	cfg.NextProtos = http1Protos(cfg.NextProtos)
	tlspump.Prepare(cfg)
	return cfg, nil
}

// http1Protos returns protos without HTTP/2 and with HTTP/1.1: RFC 6455 is an
// upgrade of that.
func http1Protos(protos []string) []string {
	protos = slices.DeleteFunc(slices.Clone(protos), func(p string) bool { return p == "h2" })
	if !slices.Contains(protos, "http/1.1") {
		protos = append(protos, "http/1.1")
	}
	return protos
}
