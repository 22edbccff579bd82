// The compare program measures weir and its peers side by side and writes
// benchmarks.md with its plots. Run it in bench/peers:
//
//	go run ./compare
//	go run ./compare --peers weir,netpollbare,gnet --scenarios echo-1000x1x32 --rounds 5
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/weirws/weir/bench"
)

// options is the command line.
type options struct {
	peers, scenarios string
	rounds           int
	duration, warmup time.Duration
	out, json, notes string
	weir             string
	serverCPU        int
	clientCPU        int
	spin             bool
	list             bool
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, parse(), os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
}

// parse reads the command line.
func parse() *options {
	o := &options{}
	flag.StringVar(&o.peers, "peers", "", "servers, comma-separated; all")
	flag.StringVar(&o.scenarios, "scenarios", "",
		"the project's; echo-CONNSxINFLIGHTxSIZE, rate-PERSECONDxCONNSxSIZE, broadcast-CONNSxSIZE, idle-CONNS, idle-CONNSxSIZE, connect-DIALING, with TLS as echo-tls-..., compressed with -deflate behind it; comma-separated, sizes may end in K or M")
	flag.IntVar(&o.rounds, "rounds", 3, "rounds; each server is measured once in each")
	flag.DurationVar(&o.duration, "duration", 3*time.Second, "of each window")
	flag.DurationVar(&o.warmup, "warmup", time.Second, "before each window")
	flag.StringVar(&o.out, "out", "", "directory for benchmarks.md and its plots; ../../docs when all peers and scenarios are measured, else none")
	flag.StringVar(&o.json, "json", "", "file for every result of every round; none")
	flag.StringVar(&o.notes, "notes", "", "Markdown file that ends benchmarks.md: where a goal was missed, the profile that shows why; none")
	flag.StringVar(&o.weir, "weir", "", "weir binary; it is built")
	server, client := pickCPUs(allowedCPUs())
	flag.IntVar(&o.serverCPU, "server-cpu", server, "CPU of the servers; -1: any")
	flag.IntVar(&o.clientCPU, "client-cpu", client, "CPU of the generator; -1: any")
	flag.BoolVar(&o.spin, "spin", false, "the generator never sleeps")
	flag.BoolVar(&o.list, "list", false, "name the peers and end")
	flag.Parse()
	if o.out == "" && o.peers == "" && o.scenarios == "" {
		o.out = filepath.Join("..", "..", "docs")
	}
	if o.scenarios == "" {
		o.scenarios = strings.Join(defaultScenarios, ",")
	}
	return o
}

// pickCPUs picks the CPUs of the servers and of the generator; -1, any, where each
// cannot have its own.
func pickCPUs(allowed []int) (server, client int) {
	if len(allowed) < 2 {
		return -1, -1
	}
	return allowed[0], allowed[1]
}

// run does it all. Tables go to stdout, what happens meanwhile to stderr.
func run(ctx context.Context, o *options, stdout, stderr io.Writer) error {
	peers, err := selectPeers(o.peers)
	if err != nil {
		return err
	}
	if o.list {
		for _, p := range peers {
			fmt.Fprintf(stdout, "%-14s %s\n", p.name, p.what)
		}
		return nil
	}
	if err := checkSystem(); err != nil {
		return err
	}
	scenarios, err := parseScenarios(o)
	if err != nil {
		return err
	}
	if o.rounds < 1 {
		return errors.New("rounds is less than 1")
	}
	machine, err := readMachine(o)
	if err != nil {
		return err
	}
	c := &comparison{options: o, machine: machine, log: stderr}
	if c.root, err = findRoot(); err != nil {
		return err
	}
	c.build(ctx, peers)
	if len(c.peers) == 0 {
		return errors.New("no server could be built")
	}
	if o.clientCPU >= 0 {
		if err := bench.Pin(o.clientCPU); err != nil {
			return err
		}
	}
	for _, s := range scenarios {
		if err := c.measure(ctx, s); err != nil {
			return err
		}
		if err := c.write(stdout); err != nil {
			return err
		}
	}
	if t := c.goalTable(); t != nil {
		fmt.Fprintln(stdout)
		return t.WriteText(stdout)
	}
	return nil
}

// write writes the last table, and all so far to the files: a run that is ended
// early loses only the scenario it is in.
func (c *comparison) write(stdout io.Writer) error {
	if err := c.tables[len(c.tables)-1].writeText(stdout); err != nil {
		return err
	}
	if c.options.json != "" {
		if err := c.writeJSON(); err != nil {
			return err
		}
	}
	if c.options.out == "" {
		return nil
	}
	return c.writeDocument()
}
