package config

import "time"

// Default is what holds where nothing is said.
func Default() *Config {
	return &Config{
		Listen: Listen{
			Addr: "127.0.0.1:8080",
			TLS:  TLS{ACME: ACME{Directory: "https://acme-v02.api.letsencrypt.org/directory"}},
		},
		Admin: Admin{Addr: "127.0.0.1:8081"},
		Auth: Auth{
			JWKS:   JWKS{Algs: []string{"RS256", "ES256", "EdDSA"}, Refresh: 15 * time.Minute},
			Leeway: 30 * time.Second,
			Grace:  25 * time.Second,
		},
		Topics: []Class{DefaultClass()},
		Limits: Limits{
			ConnectRate:      2000,
			HandshakeTimeout: 5 * time.Second,
			KeepAlive:        30 * time.Second,
			MaxTopicsPerConn: 100,
			MaxMessage:       64 << 10,
			ClientRate:       10,
		},
		Drain: Drain{Delay: 10 * time.Second, Duration: 120 * time.Second},
		Log:   Log{Level: "info", Format: "auto"},
	}
}

// DefaultClass is the class of topics that no class matches, and what a class
// has where it says nothing.
func DefaultClass() Class {
	return Class{Match: "*", OnSlow: DropOld, ConflateKey: "topic", MaxPendingBytes: 256 << 10}
}

// Class returns the class of the topic of that name: the first that matches, or
// [DefaultClass].
func (c *Config) Class(topic string) Class {
	for _, class := range c.Topics {
		if class.Matches(topic) {
			return class
		}
	}
	return DefaultClass()
}
