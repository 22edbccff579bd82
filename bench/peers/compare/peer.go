package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// group says what a peer may be compared with.
type group int

const (
	ours       group = iota // weir
	goroutines              // Go, handlers on goroutines
	loops                   // Go, an event loop
	others                  // not Go
	floor                   // a bare loop: no library, and no rival
)

// peer is one server.
type peer struct {
	name   string
	what   string // for the table of versions
	group  group
	module string // Go module whose version counts
	// build makes the server and returns the command that starts it; --listen and
	// --stats are appended.
	build func(ctx context.Context, c *comparison) ([]string, error)
	// compress are the further arguments that have it compress, at level 1 and
	// without a context; nil: it can't.
	compress []string
	// can says which scenarios it takes part in; nil: all.
	can func(s *scenario) bool

	// tls is true for a server that takes --tls-cert and --tls-key.
	tls bool

	command []string
}

// allPeers is every server that is known, in the order of the tables.
func allPeers() []*peer {
	deflate := []string{"--compress"}
	return []*peer{
		{name: "weir", tls: true, what: "handlers inline on one loop", group: ours, build: buildWeir(), compress: []string{"--compress", "shared"}},
		{name: "weir-workers", tls: true, what: "handlers on 64 workers", group: ours, build: buildWeir("--workers", "64"), can: onWorkers},
		{name: "bun", tls: true, what: "Bun.serve, uWebSockets inside", group: others, build: buildBun, compress: deflate},
		{name: "gnet", what: "bare echo on gnet.Engine", group: loops, module: "github.com/panjf2000/gnet/v2", build: buildGo("gnet")},
		{name: "gobwas", tls: true, what: "gobwas/ws, a goroutine per connection", group: goroutines, module: "github.com/gobwas/ws", build: buildGo("gobwas")},
		{name: "gws", tls: true, what: "lxzan/gws", group: goroutines, module: "github.com/lxzan/gws", build: buildGo("gws"), compress: deflate},
		{name: "gorilla", tls: true, what: "gorilla/websocket", group: goroutines, module: "github.com/gorilla/websocket", build: buildGo("gorilla"), compress: deflate},
		{name: "coder", tls: true, what: "coder/websocket", group: goroutines, module: "github.com/coder/websocket", build: buildGo("coder"), compress: deflate},
		{name: "nbio", tls: true, what: "lesismal/nbio, non-blocking", group: goroutines, module: "github.com/lesismal/nbio", build: buildGo("nbio"), compress: deflate},
		{name: "ws", tls: true, what: "npm ws with bufferutil on Node", group: others, build: buildNode, compress: deflate},
		{name: "netpollbare", what: "bare loop on gnet's netpoll, no library", group: floor, module: "github.com/panjf2000/gnet/v2",
			build: buildGo("netpollbare"), can: notBroadcast},
	}
}

// onWorkers is where the worker pool is measured too.
func onWorkers(s *scenario) bool { return s.kind == "echo" && s.size < 1<<10 }

// takesPart reports whether p is measured in s.
func (p *peer) takesPart(s *scenario) bool {
	return (p.can == nil || p.can(s)) && (!s.deflate || p.compress != nil) && (!s.tls || p.tls)
}

// notBroadcast is for a server that has none.
func notBroadcast(s *scenario) bool { return s.kind != "broadcast" }

// selectPeers returns the peers of a comma-separated list; empty: all.
func selectPeers(list string) ([]*peer, error) {
	all := allPeers()
	if list == "" {
		return all, nil
	}
	var peers []*peer
	for name := range strings.SplitSeq(list, ",") {
		i := slices.IndexFunc(all, func(p *peer) bool { return p.name == name })
		if i < 0 {
			return nil, fmt.Errorf("there is no peer %q: --list names them", name)
		}
		peers = append(peers, all[i])
	}
	return peers, nil
}

// build builds peers and keeps those that could be; the others are named.
func (c *comparison) build(ctx context.Context, peers []*peer) {
	for _, p := range peers {
		fmt.Fprintf(c.log, "building %s\n", p.name)
		command, err := p.build(ctx, c)
		if err != nil {
			c.leaveOut(p.name + " could not be built: " + firstLine(err))
			continue
		}
		p.command = command
		c.peers = append(c.peers, p)
	}
}

// leaveOut remembers and says what is missing.
func (c *comparison) leaveOut(why string) {
	c.missing = append(c.missing, why)
	fmt.Fprintln(c.log, "left out:", why)
}

// buildGo builds a server of this module.
func buildGo(name string) func(context.Context, *comparison) ([]string, error) {
	return func(ctx context.Context, c *comparison) ([]string, error) {
		path := filepath.Join(c.root, "bin", name)
		return []string{path}, command(ctx, c.root, "go", "build", "-o", path, "./"+name)
	}
}

// buildWeir builds the weir of this tree, unless a binary was given.
func buildWeir(args ...string) func(context.Context, *comparison) ([]string, error) {
	return func(ctx context.Context, c *comparison) ([]string, error) {
		path := c.options.weir
		if path == "" {
			path = filepath.Join(c.root, "bin", "weir")
			if err := command(ctx, filepath.Join(c.root, "..", ".."), "go", "build", "-o", path, "./cmd/weir"); err != nil {
				return nil, err
			}
		}
		return append([]string{path, "echo", "--loops", "1"}, args...), nil
	}
}

// buildNode installs the npm packages and returns the ws server.
func buildNode(ctx context.Context, c *comparison) ([]string, error) {
	node, err := exec.LookPath("node")
	if err != nil {
		return nil, err
	}
	if err := c.installNPM(ctx); err != nil {
		return nil, err
	}
	return []string{node, "--expose-gc", filepath.Join(c.root, "ws", "server.js")}, nil
}

// buildBun installs the npm packages and returns the Bun server. npm's bun keeps the
// program in the package of the platform until an install script moves it.
func buildBun(ctx context.Context, c *comparison) ([]string, error) {
	if err := c.installNPM(ctx); err != nil {
		return nil, err
	}
	modules := filepath.Join(c.root, "node_modules")
	candidates, err := filepath.Glob(filepath.Join(modules, "@oven", "*", "bin", "bun"))
	if err != nil {
		return nil, err
	}
	for _, path := range append(candidates, filepath.Join(modules, "bun", "bin", "bun.exe")) {
		if out, err := exec.CommandContext(ctx, path, "--version").Output(); err == nil {
			c.machine.bun = strings.TrimSpace(string(out))
			return []string{path, filepath.Join(c.root, "bun", "server.js")}, nil
		}
	}
	return nil, fmt.Errorf("npm has no bun for %s/%s", runtime.GOOS, runtime.GOARCH)
}

// installNPM installs what package-lock.json names, once.
func (c *comparison) installNPM(ctx context.Context) error {
	if !c.npmTried {
		c.npmTried = true
		c.npmErr = command(ctx, c.root, "npm", "ci", "--no-audit", "--no-fund")
	}
	return c.npmErr
}

// command runs a program in dir; its output becomes the error.
func command(ctx context.Context, dir, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}

// findRoot returns the directory of this module.
func findRoot() (string, error) {
	out, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("go env GOMOD: %w", err)
	}
	root := filepath.Dir(strings.TrimSpace(string(out)))
	if _, err := os.Stat(filepath.Join(root, "netpollbare")); err != nil {
		return "", errors.New("run it in bench/peers")
	}
	return root, nil
}

// firstLine is an error in one line.
func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}
