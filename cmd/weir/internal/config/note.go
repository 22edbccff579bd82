package config

import "slices"

// Notes are what is allowed and yet hardly meant, in sentences.
func (c *Config) Notes() []string {
	var notes []string
	note := func(when bool, text string) {
		if when {
			notes = append(notes, text)
		}
	}
	a := &c.Auth
	note(len(a.Anonymous.Subscribe) == 0 && len(a.Keys) == 0 && a.JWKS.URL == "",
		"nobody may subscribe: there are no auth.keys, no auth.jwks and no auth.anonymous.subscribe")
	note(len(a.Anonymous.Publish) == 0 && len(a.PublishKeys) == 0 && len(a.Keys) == 0 && a.JWKS.URL == "",
		"nobody may publish: there are no auth.publish_keys, no tokens and no auth.anonymous.publish")
	note(len(a.Anonymous.Publish) > 0 && !isLocal(c.Listen.Addr),
		"whoever reaches "+c.Listen.Addr+" may publish: auth.anonymous.publish")
	note(!c.Listen.TLS.On() && !isLocal(c.Listen.Addr) && len(c.Listen.TrustedProxies) == 0,
		c.Listen.Addr+" is not encrypted, and there are no trusted_proxies that would do it")
	note(slices.Contains(a.AllowedOrigins, "*"),
		"the pages of any site may connect: there is \"*\" in auth.allowed_origins")
	for _, p := range c.Listen.TrustedProxies {
		note(p.Bits() == 0, "whoever connects may claim any address: there is "+p.String()+" in listen.trusted_proxies")
	}
	for _, name := range c.strange {
		note(true, "the environment has "+name+", and there is no such key: see weir config print --env")
	}
	for _, k := range a.PublishKeys {
		note(len(k.Topics) == 0, "the publish key "+k.Name+" has no topics: it may publish to none")
	}
	return notes
}
