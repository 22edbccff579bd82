package command

import (
	"errors"

	"github.com/weirws/weir/engine"
)

// compression is a flag that takes the name of an engine.Compression.
type compression struct{ value *engine.Compression }

func (c *compression) String() string { return c.value.String() }
func (c *compression) Type() string   { return "CLASS" }

func (c *compression) Set(name string) error {
	k, err := engine.ParseCompression(name)
	if err != nil {
		return errNoCompression
	}
	*c.value = k
	return nil
}

var errNoCompression = errors.New("it is one of off, shared, 1k, 4k, 8k, 16k, 32k")
