package config

import (
	"fmt"
	"math"
	"net"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/weirws/weir/cmd/weir/internal/address"
	"github.com/weirws/weir/cmd/weir/internal/problem"
)

// key is what is known of a key beyond the type of its field.
type key struct {
	// path is the key's; an element of a list is "[]": "topics[].on_slow".
	path string
	// doc says what the key is for, in a sentence without its full stop.
	doc string
	// live: a change takes effect on reload. The others need a restart.
	live bool
	// secret values are not shown.
	secret bool
	// required: an element of a list is nothing without it.
	required bool
	// list: the value is a list, of which each element is judged. It is found
	// out from the field.
	list bool
	// words are all that it may be, if it is one of a few.
	words []string
	// least and most bound a number, a number of bytes, or a duration.
	least, most int64
	// check judges a text beyond that; nil: any will do.
	check func(string) *misfit
	// example is shown where the default says nothing.
	example string
}

// day is the most that most durations may be.
const day = int64(24 * time.Hour)

// algs are the algorithms of tokens, by family: RFC 7518, 3.1, RFC 8037, 3.1.
var (
	secretAlgs = []string{"HS256", "HS384", "HS512"}
	publicAlgs = []string{"RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "EdDSA"}
)

// keys is every key that has a value, in the order in which it is shown.
func keys() []key {
	return slices.Concat(listenKeys(), authKeys(), topicKeys(), limitKeys())
}

func listenKeys() []key {
	return []key{
		{path: "listen.addr", doc: "Where clients and publishers connect: host:port or unix:/path", check: anAddress},
		{path: "listen.tls.cert", doc: "A certificate chain in PEM; with key. It is read anew when it changes", example: "/etc/weir/cert.pem"},
		{path: "listen.tls.key", doc: "The certificate's private key in PEM", example: "/etc/weir/key.pem"},
		{path: "listen.tls.acme.domains", doc: "Get certificates for these names from an ACME authority, which connects to port 443 (TLS-ALPN-01)", check: aDomain, example: "[rt.example.com]"},
		{path: "listen.tls.acme.dir", doc: "Where the authority's account and the certificates are kept", example: "/var/lib/weir/acme"},
		{path: "listen.tls.acme.email", doc: "Whom the authority may write to", example: "ops@example.com"},
		{path: "listen.tls.acme.directory", doc: "The authority's directory", check: secureURL},
		{path: "listen.tls.acme.ca", doc: "Roots in PEM that the authority itself is trusted by, if the system's are not enough", example: "/etc/weir/ca.pem"},
		{path: "listen.proxy_protocol", doc: "Expect the PROXY protocol, version 1 or 2, from trusted_proxies"},
		{path: "listen.trusted_proxies", doc: "Networks whose X-Forwarded-For and PROXY headers are believed", example: "[10.0.0.0/8]"},
		{path: "admin.addr", doc: "Where metrics, health, dashboard and the admin API are; beyond loopback it needs token", check: anAddress},
		{path: "admin.token", doc: "What operators send as Authorization: Bearer; none is needed on loopback if it is empty", secret: true, check: aSecret, example: `"${WEIR_ADMIN_TOKEN}"`},
		{path: "admin.pprof", doc: "Serve /debug/pprof on the admin address"},
	}
}

func authKeys() []key {
	return []key{
		{path: "auth.anonymous.subscribe", doc: "Topics that those without a token may subscribe to; a star stands for anything", live: true, check: aGlob, example: `["public:*"]`},
		{path: "auth.anonymous.publish", doc: "Topics that anyone who reaches listen.addr may publish to, by HTTP or over a socket", live: true, check: aGlob},
		{path: "auth.keys[].id", doc: "The kid of tokens that are signed with this key; without it the key is tried for any token of its algorithm", live: true, example: "2026-11"},
		{path: "auth.keys[].alg", doc: "The only algorithm that the key is for", live: true, required: true, words: slices.Concat(secretAlgs, publicAlgs)},
		{path: "auth.keys[].secret", doc: "The shared secret of HS256, HS384 and HS512, at least as long as the hash", live: true, secret: true, example: `"${WEIR_JWT_SECRET}"`},
		{path: "auth.keys[].public_key", doc: "The public key of the other algorithms: a PEM file, or the PEM itself", live: true, example: "/etc/weir/jwt.pub"},
		{path: "auth.jwks.url", doc: "Where a JSON Web Key Set is fetched from", live: true, check: secureURL, example: "https://id.example.com/.well-known/jwks.json"},
		{path: "auth.jwks.algs", doc: "The algorithms that its keys may be used for", live: true, words: publicAlgs},
		{path: "auth.jwks.refresh", doc: "How often it is fetched; an unknown kid has it fetched at once, with a bound", live: true, least: int64(10 * time.Second), most: day},
		{path: "auth.issuer", doc: "The iss that tokens must have; any if it is empty", live: true, example: "https://id.example.com/"},
		{path: "auth.audience", doc: "The aud that tokens must have; any if it is empty", live: true, example: "weir"},
		{path: "auth.leeway", doc: "How far the clocks of issuers may be off", live: true, most: int64(5 * time.Minute)},
		{path: "auth.grace", doc: "How long a socket outlives its token before it is closed with 4009", live: true, most: day},
		{path: "auth.publish_keys[].name", doc: "What the key is called in refusals and the log", live: true, required: true},
		{path: "auth.publish_keys[].secret", doc: "What a backend sends as Authorization: Bearer to publish", live: true, secret: true, required: true, check: aSecret, example: `"${WEIR_PUBLISH_KEY}"`},
		{path: "auth.publish_keys[].topics", doc: "The topics it may publish to", live: true, check: aGlob},
		{path: "auth.allowed_origins", doc: "Origins that pages may connect from besides weir's own; \"*\" is any", live: true, check: anOrigin, example: `["https://*.example.com"]`},
	}
}

func topicKeys() []key {
	return []key{
		{path: "topics[].match", doc: "The topics of this class; the first class that matches is a topic's", live: true, required: true, check: aGlob, example: `"ticker-*"`},
		{path: "topics[].on_slow", doc: "What becomes of messages to a subscriber that does not keep up", live: true, words: []string{string(DropOld), string(DropNew), string(Conflate), string(Disconnect)}},
		{path: "topics[].conflate_key", doc: "What two messages have in common when the newer replaces the older, unless X-Conflate-Key says it", live: true, words: []string{"topic", "event"}},
		{path: "topics[].max_pending_bytes", doc: "How much of the class may wait for one subscriber", live: true, least: 1 << 10, most: (1<<16 - 1) << 10},
	}
}

func limitKeys() []key {
	const many = 100_000_000
	return []key{
		{path: "limits.max_connections", doc: "Sockets at a time; 0: as many as fit, see weir doctor", live: true, most: many},
		{path: "limits.max_connections_per_ip", doc: "Sockets of one address, or of one IPv6 network of 64 bits; 0: 16384 of a public one, any number of others", most: many},
		{path: "limits.connect_rate", doc: "New sockets; beyond it they are told to come back", live: true},
		{path: "limits.handshake_timeout", doc: "From the connection to the answer of its handshake", least: int64(100 * time.Millisecond), most: int64(5 * time.Minute)},
		{path: "limits.keep_alive", doc: "Silence before a ping; as much again ends the connection", least: int64(time.Second), most: day},
		{path: "limits.max_topics_per_conn", doc: "Topics that one socket may subscribe to", live: true, least: 1, most: 100_000},
		{path: "limits.max_message", doc: "The largest message, published by HTTP or over a socket", least: 1, most: 64 << 20},
		{path: "limits.client_rate", doc: "Messages that one socket may send; 0: any number", live: true},
		{path: "limits.publish_rate", doc: "Publications by HTTP; beyond it the answer is 429. 0: any number", live: true},
		{path: "limits.pending_budget", doc: "What waits for all sockets together; 0: a tenth of the memory that weir may use", most: math.MaxInt64},
		{path: "drain.delay", doc: "From the first sign of the end, /readyz, to the first close: time for load balancers", live: true, most: day},
		{path: "drain.duration", doc: "Over how long the sockets are closed", live: true, most: day},
		{path: "drain.max_rate", doc: "The most sockets closed, whatever duration says; 0: any number", live: true},
		{path: "log.level", doc: "The least that is logged", live: true, words: []string{"debug", "info", "warn", "error"}},
		{path: "log.format", doc: "auto is text for a terminal, JSON for all else", words: []string{"auto", "text", "json"}},
	}
}

// known is keys by path.
func known() map[string]*key {
	all := keys()
	byPath := make(map[string]*key, len(all))
	for i := range all {
		k := &all[i]
		k.list = fieldType(k.path).Kind() == reflect.Slice
		byPath[k.path] = k
	}
	return byPath
}

// anAddress wants host:port or unix:/path.
func anAddress(s string) *misfit {
	err := address.Check("", s)
	if err == nil {
		return nil
	}
	wrong := misfitf("%q is no address; it is host:port or unix:/path", s)
	if p, ok := err.(*problem.Problem); ok { // the fix ends in the address that was meant
		if _, meant, found := strings.Cut(p.Fix, ": "); found {
			wrong.near = strings.TrimSpace(meant)
		}
	}
	return wrong
}

// secureURL wants https, or http on this machine.
func secureURL(s string) *misfit {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" {
		return misfitf("%q is no URL", s)
	}
	if u.Scheme == "https" || u.Scheme == "http" && isLoopback(u.Hostname()) {
		return nil
	}
	wrong := misfitf("%q is not https", s)
	if u.Scheme == "http" {
		u.Scheme = "https"
		wrong.near = u.String()
	}
	return wrong
}

// isLoopback reports whether a host is this machine for sure.
func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// aDomain wants a name that a certificate may be for.
func aDomain(s string) *misfit {
	switch {
	case strings.Contains(s, "*"):
		return misfitf("%q has a star, and TLS-ALPN-01 gives no wildcard certificates", s)
	case strings.ContainsAny(s, "/: ") || !strings.Contains(s, ".") || net.ParseIP(s) != nil:
		wrong := misfitf("%q is no domain name", s)
		if u, err := url.Parse(s); err == nil && strings.Contains(u.Hostname(), ".") {
			wrong.near = u.Hostname()
		}
		return wrong
	}
	return nil
}

// minSecretBytes is the least of a secret: 128 bits, were they random.
const minSecretBytes = 16

// aSecret wants some length.
func aSecret(s string) *misfit {
	if s != "" && len(s) < minSecretBytes {
		return misfitf("the secret has %d bytes, and at least %d are wanted: openssl rand -hex 32", len(s), minSecretBytes)
	}
	return nil
}

// aGlob wants something to match.
func aGlob(s string) *misfit {
	if s == "" {
		return &misfit{"an empty pattern matches no topic", "*"}
	}
	if len(s) > maxGlobBytes {
		return misfitf("the pattern has %d bytes; %d are the most", len(s), maxGlobBytes)
	}
	return nil
}

// anOrigin wants what a browser sends, perhaps with a star in its host.
func anOrigin(s string) *misfit {
	if s == "*" {
		return nil
	}
	scheme, host, ok := strings.Cut(s, "://")
	if !ok {
		return &misfit{fmt.Sprintf("%q has no scheme; an origin is like https://example.com", s), "https://" + s}
	}
	if bare, _, path := strings.Cut(host, "/"); path {
		return &misfit{fmt.Sprintf("%q has a path; an origin is scheme and host", s), scheme + "://" + bare}
	}
	if host == "" || strings.ContainsAny(host, " ?#@") || strings.Count(host, "*") > 1 || strings.Contains(host, "*") && !strings.HasPrefix(host, "*.") {
		return misfitf("%q is no origin; it is like https://example.com or https://*.example.com", s)
	}
	return nil
}
