package bench

import (
	"errors"
	"fmt"
	"strconv"
	"time"
)

// Load is what the messages of a scenario look like and how long they flow.
type Load struct {
	Size     int           // payload bytes of a message; 32; negative: empty messages
	Text     bool          // text messages, of ASCII; otherwise binary ones
	Duration time.Duration // length of the measured window; 5s
	Warmup   time.Duration // load before the window is opened; 1s; negative: none
}

// Default values of a Load.
const (
	defaultSize     = 32
	defaultDuration = 5 * time.Second
	defaultWarmup   = time.Second
	maxSize         = 64 << 20             // of a message: several are prepared, each of them twice
	forever         = 365 * 24 * time.Hour // a window that something else ends
)

// defaults fills the fields that are zero and refuses those that make no sense.
func (l *Load) defaults() error {
	if l.Duration < 0 || l.Duration > forever || l.Warmup > forever {
		return errors.New("bench: Duration is not negative, and with Warmup not longer than a year")
	}
	if l.Size > maxSize {
		return fmt.Errorf("bench: Size is %d, more than 64 MiB", l.Size)
	}
	orDefault(&l.Size, defaultSize)
	orDefault(&l.Duration, defaultDuration)
	orDefault(&l.Warmup, defaultWarmup)
	l.Size = max(l.Size, 0)
	l.Warmup = max(l.Warmup, 0)
	return nil
}

// frames prepares the messages.
func (l *Load) frames(c Compression) (*frames, error) {
	if c == Uncompressed {
		return newFrames(l.Size, l.Text, 1), nil
	}
	l.Text = true
	return newPackedFrames(l.Size, c == CompressedAlone, 1)
}

// settings describes the load.
func (l *Load) settings() []Setting {
	kind := "binary"
	if l.Text {
		kind = "text"
	}
	return []Setting{{"size", strconv.Itoa(l.Size) + " B " + kind}, {"warm-up", l.Warmup.String()}}
}

// orDefault replaces a zero.
func orDefault[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}
