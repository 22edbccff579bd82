// Package config is the configuration of weir serve: one YAML file, the
// environment and the command line, judged together and all at once.
//
// The key of a field is in its tag. What else is known of a key (what it means,
// what it may be, whether it can change while weir runs) is in the table of
// keys.go: the defaults, the schema, the environment's names and the errors are
// made from it.
package config

import (
	"net/netip"
	"time"

	"github.com/weirws/weir/cmd/weir/internal/size"
)

// Config is a configuration with nothing left open. It is not changed once it
// is loaded: any goroutine may read it.
type Config struct {
	Listen Listen  `key:"listen"`
	Admin  Admin   `key:"admin"`
	Auth   Auth    `key:"auth"`
	Topics []Class `key:"topics"`
	Limits Limits  `key:"limits"`
	Drain  Drain   `key:"drain"`
	Log    Log     `key:"log"`

	// places is where each value came from, by its path.
	places map[string]Place
	// strange are variables of the environment that look like keys and are none:
	// others may have set them, so that they are no mistakes.
	strange []string
}

// Listen is where clients and publishers connect.
type Listen struct {
	Addr           string         `key:"addr"`
	TLS            TLS            `key:"tls"`
	ProxyProtocol  bool           `key:"proxy_protocol"`
	TrustedProxies []netip.Prefix `key:"trusted_proxies"`
}

// TLS is how Listen is encrypted: not at all, with a certificate from files, or
// with those that an ACME authority issues.
type TLS struct {
	Cert string `key:"cert"`
	Key  string `key:"key"`
	ACME ACME   `key:"acme"`
}

// On reports whether there is TLS at all.
func (t *TLS) On() bool { return t.Cert != "" || t.ACME.On() }

// ACME is an authority, and what it shall issue certificates for.
type ACME struct {
	Domains   []string `key:"domains"`
	Dir       string   `key:"dir"`
	Email     string   `key:"email"`
	Directory string   `key:"directory"`
	CA        string   `key:"ca"`
}

// On reports whether certificates come from an ACME authority.
func (a *ACME) On() bool { return len(a.Domains) > 0 }

// Admin is where operators connect.
type Admin struct {
	Addr  string `key:"addr"`
	Token string `key:"token"`
	Pprof bool   `key:"pprof"`
}

// Auth is who may subscribe and publish.
type Auth struct {
	Anonymous      Grant         `key:"anonymous"`
	Keys           []Key         `key:"keys"`
	JWKS           JWKS          `key:"jwks"`
	Issuer         string        `key:"issuer"`
	Audience       string        `key:"audience"`
	Leeway         time.Duration `key:"leeway"`
	Grace          time.Duration `key:"grace"`
	PublishKeys    []PublishKey  `key:"publish_keys"`
	AllowedOrigins []string      `key:"allowed_origins"`
}

// Grant is what someone may do, as globs of topics.
type Grant struct {
	Subscribe []string `key:"subscribe"`
	Publish   []string `key:"publish"`
}

// Key is a key that tokens are signed with.
type Key struct {
	ID        string `key:"id"`
	Alg       string `key:"alg"`
	Secret    string `key:"secret"`
	PublicKey string `key:"public_key"`
}

// JWKS is where keys are fetched from.
type JWKS struct {
	URL     string        `key:"url"`
	Algs    []string      `key:"algs"`
	Refresh time.Duration `key:"refresh"`
}

// PublishKey is a secret that a backend publishes with.
type PublishKey struct {
	Name   string   `key:"name"`
	Secret string   `key:"secret"`
	Topics []string `key:"topics"`
}

// Class is what topics of a kind have in common; the first that matches a
// topic's name is the topic's.
type Class struct {
	Match           string     `key:"match"`
	OnSlow          OnSlow     `key:"on_slow"`
	ConflateKey     string     `key:"conflate_key"`
	MaxPendingBytes size.Bytes `key:"max_pending_bytes"`
}

// OnSlow is what becomes of the messages to a subscriber that does not keep up.
type OnSlow string

// What it can be.
const (
	DropOld    OnSlow = "drop_old"   // the oldest that waits goes
	DropNew    OnSlow = "drop_new"   // the new one goes
	Conflate   OnSlow = "conflate"   // the newest of each key waits
	Disconnect OnSlow = "disconnect" // the subscriber goes, with 1013
)

// Limits bound what clients and publishers may take.
type Limits struct {
	MaxConnections      int           `key:"max_connections"`
	MaxConnectionsPerIP int           `key:"max_connections_per_ip"`
	ConnectRate         Rate          `key:"connect_rate"`
	HandshakeTimeout    time.Duration `key:"handshake_timeout"`
	KeepAlive           time.Duration `key:"keep_alive"`
	MaxTopicsPerConn    int           `key:"max_topics_per_conn"`
	MaxMessage          size.Bytes    `key:"max_message"`
	ClientRate          Rate          `key:"client_rate"`
	PublishRate         Rate          `key:"publish_rate"`
	PendingBudget       size.Bytes    `key:"pending_budget"`
}

// Drain is how weir parts from its clients.
type Drain struct {
	Delay    time.Duration `key:"delay"`
	Duration time.Duration `key:"duration"`
	MaxRate  Rate          `key:"max_rate"`
}

// Log is what is written to standard error.
type Log struct {
	Level  string `key:"level"`
	Format string `key:"format"`
}
