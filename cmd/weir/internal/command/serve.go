package command

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/weirws/weir/cmd/weir/internal/address"
	"github.com/weirws/weir/cmd/weir/internal/capacity"
	"github.com/weirws/weir/cmd/weir/internal/config"
	"github.com/weirws/weir/cmd/weir/internal/demo"
	"github.com/weirws/weir/cmd/weir/internal/gateway"
	"github.com/weirws/weir/cmd/weir/internal/plain"
	"github.com/weirws/weir/cmd/weir/internal/problem"
	"github.com/weirws/weir/cmd/weir/internal/publish"
	"github.com/weirws/weir/cmd/weir/internal/terminal"
	"github.com/weirws/weir/cmd/weir/internal/version"
	"github.com/weirws/weir/engine"
)

const serveLong = `Clients subscribe to topics:  GET /ws?topic=a&topic=b, a WebSocket
Programs publish to a topic:  POST /publish/{topic}, the body is the message
Without a configuration weir serves this machine, with keys made up for the
occasion and a demo page. SIGHUP loads the configuration anew, SIGTERM drains.`

// serving are the flags of weir serve.
type serving struct {
	path          string
	listen, admin string
	pprof         bool
	secret        string // of tokens, made up; "" if there is a configuration
}

func newServe() *cobra.Command {
	var s serving
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve topics: publish over HTTP, listen over WebSockets",
		Long:  serveLong,
		Example: `weir serve
weir serve -c weir.yaml
weir serve --listen :8080                    for the whole network
weir serve --listen unix:/run/weir.sock      for a proxy on this machine`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return s.run(cmd) },
	}
	cmd.Flags().SortFlags = false
	addConfig(cmd, &s.path)
	cmd.Flags().StringVar(&s.listen, "listen", "127.0.0.1:8080", "`ADDR` where to listen: host:port or unix:/path")
	cmd.Flags().StringVar(&s.admin, "admin", "127.0.0.1:8081", "`ADDR` where operators connect")
	cmd.Flags().BoolVar(&s.pprof, "pprof", false, "serve /debug/pprof to operators")
	return cmd
}

// source is where the configuration comes from: the base, the file, the
// environment, and the flags that are given.
func (s *serving) source(cmd *cobra.Command, base *config.Config) (config.Source, error) {
	src := config.Source{File: s.path, Environ: os.Environ(), Base: base}
	for _, f := range []struct{ name, path, text string }{
		{"listen", "listen.addr", s.listen},
		{"admin", "admin.addr", s.admin},
	} {
		if !cmd.Flags().Changed(f.name) {
			continue
		}
		if err := address.Check("--"+f.name, f.text); err != nil {
			return src, err
		}
		src.Flags = append(src.Flags, config.Flag{Name: "--" + f.name, Path: f.path, Text: f.text})
	}
	if s.pprof {
		src.Flags = append(src.Flags, config.Flag{Name: "--pprof", Path: "admin.pprof", Text: "true"})
	}
	return src, nil
}

// forDemo is what holds without a configuration: all may listen, who has the key
// may publish, and tokens are those of a secret that is made up too.
func forDemo(key, secret string) *config.Config {
	c := config.Default()
	c.Auth.Keys = []config.Key{{Alg: "HS256", Secret: secret}}
	c.Auth.Anonymous.Subscribe = []string{"*"}
	c.Auth.PublishKeys = []config.PublishKey{{Name: "demo", Secret: key, Topics: []string{"*"}}}
	c.Drain.Delay, c.Drain.Duration = 0, 0
	return c
}

func (s *serving) run(cmd *cobra.Command) error {
	key := ""
	var base *config.Config
	if s.path == "" {
		key = strings.ToLower(rand.Text())
		s.secret = strings.ToLower(rand.Text() + rand.Text())
		base = forDemo(key, s.secret)
	}
	src, err := s.source(cmd, base)
	if err != nil {
		return err
	}
	c, err := config.Load(src)
	if err != nil {
		return explainConfig(s.path, err)
	}
	level := new(slog.LevelVar)
	level.Set(gateway.LevelOf(c))
	drained := make(chan int64, 1)
	log, flush := logOf(c, level)
	defer flush()
	o := gateway.Options{
		Config: c, DemoKey: key, Version: version.String(), Level: level, Log: log,
		Drained: func(left int64) { drained <- left },
	}
	if s.path != "" {
		o.Load = func() (*config.Config, error) { return config.Load(src) }
	}
	g, err := gateway.New(o)
	if err != nil {
		if _, ok := config.AsFaults(err); ok {
			return explainConfig(s.path, err)
		}
		return problem.Failure(err, "cannot start: "+err.Error(), "")
	}
	defer g.Close()
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)
	return s.serve(cmd, g, c, key, signals, drained)
}

// serve listens, tells where, and serves until it is told to stop.
func (s *serving) serve(cmd *cobra.Command, g *gateway.Gateway, c *config.Config, key string, signals <-chan os.Signal, drained <-chan int64) error {
	public, err := address.Listen(c.Listen.Addr, g.Listen)
	if err != nil {
		return address.Explain(err, c.Listen.Addr, "weir serve --listen")
	}
	operators, err := address.Listen(c.Admin.Addr, g.ListenAdmin)
	if err != nil && s.path == "" && !cmd.Flags().Changed("admin") { // another weir, mostly
		operators, err = net.Listen("tcp", "127.0.0.1:0")
	}
	if err != nil {
		return address.Explain(err, c.Admin.Addr, "weir serve --admin")
	}
	ended := make(chan error, 2)
	go func() { // ends on Close, and when a drain stops listening
		if err := g.Serve(public); !errors.Is(err, net.ErrClosed) && !errors.Is(err, engine.ErrServerClosed) {
			ended <- err
		}
	}()
	go func() { ended <- g.ServeAdmin(operators) }() // ends on Close
	s.tell(cmd.OutOrStdout(), c, key, public.Addr(), operators.Addr())
	for {
		select {
		case err := <-ended:
			return problem.Failure(err, "the server ended: "+err.Error(), "")
		case left := <-drained:
			return afterDrain(left)
		case sig := <-signals:
			if sig == syscall.SIGHUP {
				g.Reload()
				continue
			}
			return drainBySignal(g, signals, ended)
		}
	}
}

// afterDrain is how weir ends when a drain has.
func afterDrain(left int64) error {
	if left == 0 {
		return nil
	}
	err := fmt.Errorf("%d connections were left", left)
	return &problem.Problem{Exit: problem.ExitLeft, What: "the drain ended, and " + err.Error(), Err: err}
}

// drainBySignal drains, unless another signal ends it.
func drainBySignal(g *gateway.Gateway, signals <-chan os.Signal, ended <-chan error) error {
	if terminal.Is(os.Stderr) {
		fmt.Fprintln(os.Stderr, "\nweir: saying goodbye to the clients; Ctrl-C again ends at once")
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	left := make(chan int64, 1)
	go func() { left <- g.Drain(ctx) }() // ends by cancel
	for {
		select {
		case n := <-left:
			return afterDrain(n)
		case err := <-ended:
			return problem.Failure(err, "the server ended: "+err.Error(), "")
		case sig := <-signals:
			if sig != syscall.SIGHUP {
				return afterDrain(g.Left())
			}
		}
	}
}

// logOf logs to stderr as the configuration says: text for people, JSON for
// programs. flush writes what waits.
func logOf(c *config.Config, level slog.Leveler) (log *slog.Logger, flush func()) {
	return logToStderr(c.Log.Format == "text" || c.Log.Format == "auto" && terminal.Is(os.Stderr), level)
}

// tell shows how to use what listens.
func (s *serving) tell(w io.Writer, c *config.Config, key string, public, operators net.Addr) {
	t := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	defer t.Flush()
	fmt.Fprint(w, "weir is serving. Ctrl-C stops it.\n\n")
	row := func(name, text string) { fmt.Fprintf(t, "  %s\t%s\n", name, text) }
	ws, web, extra, host := "ws", "http", "", "localhost"
	if c.Listen.TLS.On() {
		ws, web = "wss", "https"
	}
	if h, ok := address.Host(public); ok {
		host = h
	} else {
		extra = "--unix-socket " + shellWord(public.String()) + " "
	}
	topic := demo.Topic
	row("WebSocket", ws+"://"+host+plain.Path+"?topic="+url.QueryEscape(topic))
	bearer := key
	if key == "" {
		bearer = "KEY"
	}
	row("Publish", "curl "+extra+"-H 'Authorization: Bearer "+bearer+"' -d hello "+web+"://"+host+publish.Path+"/"+url.PathEscape(topic))
	if k := c.Auth.Keys; key != "" && len(k) == 1 && k[0].Secret == s.secret { // not one of the environment
		row("Token", config.Variable("auth.keys")+"='[{alg: HS256, secret: "+s.secret+"}]' weir token --user ann --topic '*'")
	}
	if key != "" && extra == "" {
		row("Demo page", web+"://"+host+"/")
	}
	if h, ok := address.Host(operators); ok {
		row("Dashboard", "http://"+h+"/dashboard")
	} else {
		row("Operators", "weir top --admin "+shellWord("unix:"+operators.String()))
	}
	if r := capacity.Measure(); r.Conns > 0 {
		row("Room for", fmt.Sprintf("about %d connections; the limit is %s: see weir doctor", r.Conns, r.Binds))
	}
	if key != "" && !address.Local(public) {
		_ = t.Flush() // what follows is no row
		fmt.Fprintln(w, "\nWhoever reaches this machine may listen; to publish takes the key.")
	}
}
