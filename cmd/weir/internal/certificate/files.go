package certificate

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weirws/weir/cmd/weir/internal/config"
)

// files is a certificate and its key in two files. They are looked at when there
// is a handshake, and not more often than every lookEvery; what was read last is
// used until they can be read as a pair again.
type files struct {
	cert, key string
	log       *slog.Logger
	current   atomic.Pointer[tls.Certificate]
	every     time.Duration // lookEvery, but for tests

	mu     sync.Mutex // guards the following
	looked time.Time
	seen   [2]stamp // of the files at the last look
}

// stamp is what tells a file from the one that was there before, also through
// the symbolic links of a Kubernetes secret.
type stamp struct {
	info os.FileInfo // nil: there was none
}

func (s stamp) same(t stamp) bool {
	if s.info == nil || t.info == nil {
		return s.info == nil && t.info == nil
	}
	return os.SameFile(s.info, t.info) && s.info.ModTime().Equal(t.info.ModTime()) && s.info.Size() == t.info.Size()
}

func openFiles(c *config.Config, log *slog.Logger) (*files, error) {
	t := &c.Listen.TLS
	f := &files{cert: t.Cert, key: t.Key, log: log, every: lookEvery}
	var faults config.Faults
	for _, file := range []struct{ path, name string }{{"listen.tls.cert", f.cert}, {"listen.tls.key", f.key}} {
		if _, err := read(file.name); err != nil {
			faults = append(faults, c.Fault(file.path, err.Error()))
		}
	}
	if len(faults) > 0 {
		return nil, faults
	}
	if err := f.Renew(context.Background()); err != nil {
		return nil, config.Faults{c.Fault("listen.tls.cert", err.Error())}
	}
	return f, nil
}

// Config is [Source]'s.
func (f *files) Config() *tls.Config {
	c := base()
	c.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		f.look()
		return f.current.Load(), nil
	}
	return c
}

// look reads the files anew if they have changed.
func (f *files) look() {
	if !f.mu.TryLock() {
		return // another handshake is at it
	}
	defer f.mu.Unlock()
	if time.Since(f.looked) < f.every {
		return
	}
	f.looked = time.Now()
	now := f.stamps()
	if now[0].same(f.seen[0]) && now[1].same(f.seen[1]) {
		return
	}
	if err := f.load(now); err != nil {
		f.log.Warn("the certificate has changed and cannot be used; the one before stays", "cert", f.cert, "error", err)
	}
}

// Renew is [Source]'s.
func (f *files) Renew(context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.load(f.stamps())
}

func (f *files) stamps() (s [2]stamp) {
	for i, name := range []string{f.cert, f.key} {
		if info, err := os.Stat(name); err == nil { // what is wrong is told by who reads it
			s[i].info = info
		}
	}
	return s
}

// load reads both files. mu is held. A pair of which only one is replaced yet is
// looked at again when the other is.
func (f *files) load(now [2]stamp) error {
	f.seen = now
	cert, err := read(f.cert)
	if err != nil {
		return err
	}
	key, err := read(f.key)
	if err != nil {
		return err
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return err
	}
	if left := time.Until(pair.Leaf.NotAfter); left < 0 {
		f.log.Warn("the certificate has expired", "cert", f.cert, "expired", pair.Leaf.NotAfter)
	}
	if before := f.current.Swap(&pair); before != nil && !before.Leaf.Equal(pair.Leaf) {
		f.log.Info("the certificate is another now", "cert", f.cert, "expires", pair.Leaf.NotAfter)
	}
	return nil
}

// read reads a file of a bounded length.
func read(name string) ([]byte, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxFileBytes+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxFileBytes {
		return nil, fmt.Errorf("%s has more than %d bytes", name, maxFileBytes)
	}
	if len(text) == 0 {
		return nil, errors.New(name + " is empty")
	}
	return text, nil
}
