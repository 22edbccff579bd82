package gateway

import (
	"errors"
	"log/slog"
	"reflect"
	"time"

	"github.com/weirws/weir/cmd/weir/internal/admin"
	"github.com/weirws/weir/cmd/weir/internal/certificate"
	"github.com/weirws/weir/cmd/weir/internal/config"
	"github.com/weirws/weir/cmd/weir/internal/plain"
	"github.com/weirws/weir/cmd/weir/internal/publish"
	"github.com/weirws/weir/cmd/weir/internal/token"
)

// errNothingToLoad says that there is no file.
var errNothingToLoad = errors.New("weir was started without a configuration file")

// Reload loads the configuration anew and applies what can be applied without
// closing a connection. If anything is wrong with it the old one stays. It may
// block for the reading of files.
func (g *Gateway) Reload() admin.Reloaded {
	g.reloading.Lock()
	defer g.reloading.Unlock()
	told := g.reload()
	told.At = time.Now()
	g.lastReload.Store(&told)
	if told.Error != "" {
		g.log.Error("the configuration was not reloaded", "err", told.Error, "faults", told.Faults)
		return told
	}
	level := slog.LevelInfo
	if len(told.NeedsRestart) > 0 {
		level = slog.LevelWarn
	}
	g.log.Log(g.ctx, level, "the configuration was reloaded", "applied", told.Applied, "needs_restart", told.NeedsRestart)
	return told
}

// reload does it. reloading is held.
func (g *Gateway) reload() (told admin.Reloaded) {
	told.Applied, told.NeedsRestart = []string{}, []string{}
	next, verifier, err := g.prepare()
	if err != nil {
		told.Error = err.Error()
		if faults, ok := config.AsFaults(err); ok {
			told.Error = "the configuration has mistakes"
			for _, f := range faults {
				told.Faults = append(told.Faults, f.String())
			}
		}
		return told
	}
	// What was not applied before still differs.
	changes := config.Diff(g.config.Load(), next)
	told.Applied = append(told.Applied, changes.Live...)
	told.NeedsRestart = append(told.NeedsRestart, config.Diff(g.o.Config, next).Restart...)
	old := g.verifier
	verifier.Inherit(old)
	g.verifier = verifier
	if g.certificates != nil {
		if err := g.certificates.Renew(g.ctx); err != nil {
			g.log.Warn("the certificates stay as they are", "err", err)
		}
	}
	next = config.Hold(g.o.Config, next)
	g.config.Store(next)
	g.hub.Reclass(next)
	g.plain.Change(plain.Settings{Config: next, Verify: verifier.Verify})
	g.publish.Change(publish.Settings{Config: next, Verify: verifier.Verify})
	g.room.Change(&next.Limits)
	if g.o.Level != nil {
		g.o.Level.Set(LevelOf(next))
	}
	old.Close()
	return told
}

// prepare loads the next configuration, and what is made of it.
func (g *Gateway) prepare() (*config.Config, *token.Verifier, error) {
	if g.o.Load == nil {
		return nil, nil, errNothingToLoad
	}
	next, err := g.o.Load()
	if err != nil {
		return nil, nil, err
	}
	if !reflect.DeepEqual(next.Listen.TLS, g.o.Config.Listen.TLS) { // it would be found out at the next start
		if err := certificate.Check(next); err != nil {
			return nil, nil, err
		}
	}
	verifier, err := token.NewVerifier(next, g.log)
	if err != nil {
		return nil, nil, err
	}
	return next, verifier, nil
}

// LevelOf is the level of log.level.
func LevelOf(c *config.Config) slog.Level {
	var l slog.Level
	if err := l.UnmarshalText([]byte(c.Log.Level)); err != nil {
		panic("gateway: a level that the configuration should have refused: " + c.Log.Level)
	}
	return l
}
