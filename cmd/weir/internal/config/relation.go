package config

import (
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/weirws/weir/cmd/weir/internal/glob"
)

// relations judges what no key says alone.
func (d *decoder) relations(c *Config) {
	d.judgeListen(&c.Listen)
	if !c.AdminIsLocal() && c.Admin.Token == "" {
		d.about("admin.addr", fmt.Sprintf("%s is not a loopback address, and there is no admin.token: WEIR_ADMIN_TOKEN=$(openssl rand -hex 32) is one", c.Admin.Addr), "")
	}
	if c.Listen.Addr == c.Admin.Addr && !strings.HasSuffix(c.Admin.Addr, ":0") {
		d.about("admin.addr", c.Admin.Addr+" is listen.addr, too, and one address has one server", "")
	}
	d.judgeKeys(c.Auth.Keys)
	if c.Auth.JWKS.URL != "" && len(c.Auth.JWKS.Algs) == 0 {
		d.about("auth.jwks.algs", "no algorithm is allowed", "")
	}
	names := map[string]int{}
	for i, k := range c.Auth.PublishKeys {
		if first, twice := names[k.Name]; twice {
			d.about(index("auth.publish_keys", i)+".name", fmt.Sprintf("%q is the name of auth.publish_keys[%d], too", k.Name, first), "")
			continue
		}
		names[k.Name] = i
	}
	d.judgeClasses(c.Topics)
}

// about is a fault of the value at path, or of the group that it is missing in.
func (d *decoder) about(path, what, near string) {
	at, ok := nearestPlace(d.places, path)
	if !ok && d.file != "" {
		at = Place{d.file, 1, 1}
	}
	d.fault(at, path, what, near)
}

func (d *decoder) judgeListen(l *Listen) {
	t := &l.TLS
	switch {
	case t.Cert != "" && t.Key == "":
		d.about("listen.tls.cert", "there is no listen.tls.key for it", "")
	case t.Key != "" && t.Cert == "":
		d.about("listen.tls.key", "there is no listen.tls.cert for it", "")
	case t.Cert != "" && t.ACME.On():
		d.about("listen.tls.acme", "there is listen.tls.cert, too; it is one or the other", "")
	case t.ACME.On() && t.ACME.Dir == "":
		d.about("listen.tls.acme", "there is no dir to keep certificates in; without one each start asks for new ones, and authorities refuse that soon", "")
	case !t.ACME.On() && t.ACME.Dir != "":
		d.about("listen.tls.acme.dir", "there are no listen.tls.acme.domains", "")
	}
	if l.ProxyProtocol && len(l.TrustedProxies) == 0 {
		d.about("listen.proxy_protocol", "there are no listen.trusted_proxies, and whoever connects could claim any address", "")
	}
}

func (d *decoder) judgeKeys(keys []Key) {
	for i, k := range keys {
		path := index("auth.keys", i)
		switch {
		case !slices.Contains(secretAlgs, k.Alg):
			if k.Secret != "" {
				d.about(path+".secret", k.Alg+" has no secret, but a public_key", "public_key")
			} else if k.PublicKey == "" {
				d.about(path, k.Alg+" wants a public_key", "")
			}
		case k.PublicKey != "":
			d.about(path+".public_key", k.Alg+" has no public_key, but a secret", "secret")
		case k.Secret == "":
			d.about(path, k.Alg+" wants a secret", "")
		case len(k.Secret) < hashBytes(k.Alg): // RFC 7518, 3.2
			d.about(path+".secret", fmt.Sprintf("the secret has %d bytes, and %s wants %d: openssl rand -hex 32", len(k.Secret), k.Alg, hashBytes(k.Alg)), "")
		}
	}
}

// hashBytes is the length of the hash of an algorithm with a shared secret.
func hashBytes(alg string) int {
	switch alg {
	case "HS384":
		return 48
	case "HS512":
		return 64
	}
	return 32
}

func (d *decoder) judgeClasses(classes []Class) {
	for i, c := range classes {
		path := index("topics", i)
		if c.ConflateKey != DefaultClass().ConflateKey && c.OnSlow != Conflate {
			d.about(path+".conflate_key", fmt.Sprintf("on_slow is %s, and only conflate has a key", c.OnSlow), "")
		}
		for j, before := range classes[:i] {
			if glob.Covers(before.Match, c.Match) {
				d.about(path+".match", fmt.Sprintf("%q is never reached: topics[%d] matches all that it matches", c.Match, j), "")
				break
			}
		}
	}
}

// AdminIsLocal reports whether only this machine's programs reach the admin
// address.
func (c *Config) AdminIsLocal() bool { return isLocal(c.Admin.Addr) }

// isLocal reports whether an address to listen on is this machine's alone.
func isLocal(addr string) bool {
	if isUnix(addr) {
		return true
	}
	host, _, err := net.SplitHostPort(addr)
	return err == nil && isLoopback(host)
}

func isUnix(addr string) bool { return strings.HasPrefix(addr, "unix:") }

// Fault is something wrong with the value at path, found out by who uses it:
// with the place that the value came from.
func (c *Config) Fault(path, what string) Fault {
	at, _ := nearestPlace(c.places, path)
	return Fault{Place: at, Path: path, What: what}
}

// nearestPlace is where a value came from, or the nearest group around it.
func nearestPlace(places map[string]Place, path string) (Place, bool) {
	for path != "" {
		if p, ok := places[path]; ok {
			return p, true
		}
		path = path[:max(strings.LastIndexAny(path, ".["), 0)]
	}
	return Place{}, false
}
