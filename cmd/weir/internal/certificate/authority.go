package certificate

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"

	"github.com/weirws/weir/cmd/weir/internal/config"
)

// authority is certificates by ACME (RFC 8555) with TLS-ALPN-01 (RFC 8737): the
// authority connects to the listener itself, and no other port is needed. They
// are renewed 30 days before they end.
type authority struct {
	manager autocert.Manager
	domains []string
	log     *slog.Logger
}

func openAuthority(c *config.Config, log *slog.Logger) (*authority, error) {
	a := &c.Listen.TLS.ACME
	client := &acme.Client{DirectoryURL: a.Directory, UserAgent: "weir", HTTPClient: &http.Client{Timeout: time.Minute}}
	var faults config.Faults
	if a.CA != "" {
		roots, err := readRoots(a.CA)
		if err != nil {
			faults = append(faults, c.Fault("listen.tls.acme.ca", err.Error()))
		}
		client.HTTPClient.Transport = &http.Transport{
			Proxy:             http.ProxyFromEnvironment,
			TLSClientConfig:   &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
			ForceAttemptHTTP2: true,
		}
	}
	if err := writable(a.Dir); err != nil {
		faults = append(faults, c.Fault("listen.tls.acme.dir", err.Error()))
	}
	if len(faults) > 0 {
		return nil, faults
	}
	return &authority{domains: a.Domains, log: log, manager: autocert.Manager{
		Prompt:     autocert.AcceptTOS,
		Cache:      autocert.DirCache(a.Dir),
		HostPolicy: autocert.HostWhitelist(a.Domains...), // the bound on what is asked for
		Client:     client,
		Email:      a.Email,
	}}, nil
}

// readRoots reads the authorities that an authority's own certificate may be of.
func readRoots(name string) (*x509.CertPool, error) {
	text, err := read(name)
	if err != nil {
		return nil, err
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	if !roots.AppendCertsFromPEM(text) {
		return nil, errors.New(name + " has no certificate in PEM")
	}
	return roots, nil
}

// writable makes a directory for secrets if there is none, and tries it.
func writable(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".weir-")
	if err != nil {
		return err
	}
	_ = f.Close() // nothing was written
	return os.Remove(f.Name())
}

// Config is [Source]'s. A client that names no host, or another's, is refused.
func (a *authority) Config() *tls.Config {
	c := base()
	c.NextProtos = append(c.NextProtos, acme.ALPNProto)
	c.GetCertificate = a.manager.GetCertificate
	return c
}

// Renew has a certificate issued for each domain that has none yet: the first
// client need not wait then. The listener must be up.
func (a *authority) Renew(ctx context.Context) error {
	var wrong []error
	for _, domain := range a.domains {
		if err := a.obtain(ctx, domain); err != nil {
			wrong = append(wrong, fmt.Errorf("%s: %w", domain, err))
		}
	}
	return errors.Join(wrong...)
}

// obtain has a certificate issued unless there is one. It returns when ctx ends,
// and the authority goes on: what it issues is kept.
func (a *authority) obtain(ctx context.Context, domain string) error {
	type result struct {
		cert *tls.Certificate
		err  error
	}
	done := make(chan result, 1)
	go func() { // ends by autocert's own deadline of 5 minutes
		cert, err := a.manager.GetCertificate(&tls.ClientHelloInfo{
			ServerName:        domain,
			SupportedVersions: []uint16{tls.VersionTLS13},
			SignatureSchemes:  []tls.SignatureScheme{tls.ECDSAWithP256AndSHA256},
			CipherSuites:      []uint16{tls.TLS_AES_128_GCM_SHA256, tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256},
			SupportedCurves:   []tls.CurveID{tls.CurveP256},
		})
		done <- result{cert, err}
	}()
	select {
	case r := <-done:
		if r.err == nil {
			a.log.Info("there is a certificate", "domain", domain, "expires", r.cert.Leaf.NotAfter)
		}
		return r.err
	case <-ctx.Done():
		return ctx.Err()
	}
}
