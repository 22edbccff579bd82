package engine

import (
	"crypto/tls"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// keyPair is a certificate and its key, in files that may be replaced.
type keyPair struct {
	certFile, keyFile string
	log               *slog.Logger
	now               atomic.Pointer[tls.Certificate]

	mu     sync.Mutex // guards the following
	looked time.Time
	seen   [2]version
}

// version tells a file from the one that was there before.
type version struct {
	at   time.Time
	size int64
}

func newKeyPair(certFile, keyFile string, log *slog.Logger) (*keyPair, error) {
	p := &keyPair{certFile: certFile, keyFile: keyFile, log: log, looked: time.Now()}
	p.seen = p.versions()
	return p, p.load()
}

// get is a GetCertificate.
func (p *keyPair) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	if p.mu.TryLock() { // else another handshake is looking
		p.look()
		p.mu.Unlock()
	}
	return p.now.Load(), nil
}

// look takes what has changed. mu is held.
func (p *keyPair) look() {
	if time.Since(p.looked) < keyPairPause {
		return
	}
	p.looked = time.Now()
	seen := p.versions()
	if seen == p.seen {
		return
	}
	p.seen = seen
	if err := p.load(); err != nil {
		p.log.Error("engine: a new certificate can't be taken, the old one stays", "err", err)
		return
	}
	p.log.Info("engine: there is a new certificate", "file", p.certFile)
}

// versions looks at both files. One that is missing has none.
func (p *keyPair) versions() (v [2]version) {
	for i, name := range [...]string{p.certFile, p.keyFile} {
		if info, err := os.Stat(name); err == nil {
			v[i] = version{info.ModTime(), info.Size()}
		}
	}
	return v
}

func (p *keyPair) load() error {
	cert, err := tls.LoadX509KeyPair(p.certFile, p.keyFile)
	if err != nil {
		return err
	}
	p.now.Store(&cert)
	return nil
}

// keyPairPause is the least time between two looks at the files.
const keyPairPause = time.Second
