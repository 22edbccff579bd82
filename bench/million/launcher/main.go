// Launcher holds a million connections to one server and prints what they cost: what
// make million runs. It is also the first process of the guest that it starts.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/weirws/weir/bench"
	"github.com/weirws/weir/bench/million"
)

func main() {
	if len(os.Args) == 2 && os.Args[1] == million.GuestCommand {
		end(million.Guest())
	}
	end(launch())
}

// end ends the program.
func end(err error) {
	if err == nil {
		os.Exit(0)
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// launch reads the command line and runs.
func launch() error {
	var o million.Options
	var server string
	flag.IntVar(&o.Conns, "conns", 0, "`N` connections; 0: a million, or as many as the memory holds")
	flag.IntVar(&o.Budget, "budget", million.DefaultBudget, "`BYTES` of private memory per connection; -1: any")
	flag.DurationVar(&o.KeepAlive, "keepalive", 0, "`DURATION` of silence before the server pings; 0: no pings")
	flag.DurationVar(&o.Idle, "idle", million.DefaultIdle, "`DURATION` for which the idle server's CPU is watched")
	flag.DurationVar(&o.Timeout, "timeout", million.DefaultTimeout, "`DURATION` of the whole run, at most")
	flag.StringVar((*string)(&o.Way), "way", "", "`host` or uml; the first that works")
	flag.StringVar(&server, "server", "", "`FILE` a static weir; built with go")
	asJSON := flag.Bool("json", false, "print JSON instead of a table")
	svg := flag.String("svg", "", "`FILE` for a plot of memory over connections")
	flag.Parse()
	if flag.NArg() > 0 {
		return fmt.Errorf("million: %q is not a flag", flag.Arg(0))
	}
	if server != "" {
		o.Server = []string{server, "echo"}
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	o.Holder = []string{self, million.GuestCommand}
	o.Log = func(line string) { fmt.Fprintln(os.Stderr, line) }
	clear := func() {}
	if info, err := os.Stderr.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
		o.Progress = bench.ProgressBar(os.Stderr)
		clear = func() { fmt.Fprint(os.Stderr, "\r\x1b[K") }
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	r, err := million.Run(ctx, o)
	clear()
	if err != nil {
		return err
	}
	return errors.Join(show(r, *asJSON), plot(r, *svg), r.Verdict())
}

// show prints r.
func show(r *million.Result, asJSON bool) error {
	if asJSON {
		return r.WriteJSON(os.Stdout)
	}
	return r.WriteTable(os.Stdout)
}

// plot draws r into a file, if one is named.
func plot(r *million.Result, path string) error {
	if path == "" {
		return nil
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(r.WriteSVG(f), f.Close())
}
