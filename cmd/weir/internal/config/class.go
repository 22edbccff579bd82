package config

import "github.com/weirws/weir/cmd/weir/internal/glob"

// Matches reports whether the topic of that name is of the class, unless one
// before it matches, too.
func (c *Class) Matches(topic string) bool { return glob.Match(c.Match, topic) }
