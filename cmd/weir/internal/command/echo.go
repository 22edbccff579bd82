package command

import (
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime"
	"runtime/pprof"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirws/weir/cmd/weir/internal/address"
	"github.com/weirws/weir/cmd/weir/internal/echo"
	"github.com/weirws/weir/cmd/weir/internal/problem"
	"github.com/weirws/weir/cmd/weir/internal/size"
	"github.com/weirws/weir/engine"
)

const echoLong = `/ and /echo send every message back; /broadcast sends it to all who are there.
Callbacks run on the event loops unless --workers is given. The garbage
collector has Go's defaults: GOGC and GOMEMLIMIT in the environment change them.`

// echoFlags are the flags of weir echo.
type echoFlags struct {
	echo.Options
	listen, stats, profile string
	maxMessage             size.Bytes
}

func newEcho() *cobra.Command {
	f := echoFlags{maxMessage: engine.DefaultMaxMessageBytes}
	cmd := &cobra.Command{
		Use:   "echo",
		Short: "Echo messages, for conformance suites and benchmarks",
		Long:  echoLong,
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.check(); err != nil {
				return err
			}
			return runEcho(cmd, f)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.listen, "listen", "127.0.0.1:9001", "`ADDR` host:port or unix:/path")
	flags.IntVar(&f.Loops, "loops", 0, "`N` event loops; 0: one for each CPU")
	flags.IntVar(&f.Workers, "workers", 0, "`N` goroutines for callbacks; 0: they run on the loops")
	flags.Var(&f.maxMessage, "max-message", "`BYTES` longest message, like 64k or 16m; 0: no limit")
	flags.IntVar(&f.MaxFragments, "max-fragments", engine.DefaultMaxFragments, "`N` most frames of one message; 0: no limit")
	flags.Var(&compression{&f.Compression}, "compress", "`CLASS` deflate: off, shared, 1k, 4k, 8k, 16k, 32k")
	flags.DurationVar(&f.KeepAlive, "keepalive", engine.DefaultKeepAlive, "`DURATION` silence before a ping; 0: no pings")
	flags.BoolVar(&f.DropOldest, "drop-oldest", false, "slow readers of /broadcast miss messages and stay")
	flags.StringVar(&f.TLSCert, "tls-cert", "", "`FILE` speak TLS with it, PEM; it may be replaced")
	flags.StringVar(&f.TLSKey, "tls-key", "", "`FILE` its key")
	flags.StringVar(&f.stats, "stats", "", "`ADDR` serve counters: GET /stats; POST /trim frees memory")
	flags.BoolVar(&f.Locked, "lock-memory", false, "keep all memory in RAM (Linux)")
	flags.StringVar(&f.profile, "cpuprofile", "", "`FILE` write a CPU profile at the end")
	return cmd
}

// check says what is wrong with the values of the flags.
func (f *echoFlags) check() error {
	for _, n := range []struct {
		flag     string
		negative bool
	}{
		{"--loops", f.Loops < 0},
		{"--workers", f.Workers < 0},
		{"--max-fragments", f.MaxFragments < 0},
		{"--keepalive", f.KeepAlive < 0},
	} {
		if n.negative {
			return problem.Usage("weir echo: "+n.flag+" is negative", "0 has the meaning that weir echo --help gives; all else is positive.")
		}
	}
	if err := address.Check("--listen", f.listen); err != nil {
		return err
	}
	if err := f.checkTLS(); err != nil {
		return err
	}
	if f.stats != "" {
		if err := address.Check("--stats", f.stats); err != nil {
			return err
		}
	}
	if f.Locked && !echo.CanLock {
		return problem.Usage("weir echo: --lock-memory does not work on "+runtime.GOOS, "Leave it out.")
	}
	return nil
}

// checkTLS reads the certificate before a port is taken.
func (f *echoFlags) checkTLS() error {
	switch {
	case f.TLSCert == "" && f.TLSKey == "":
		return nil
	case f.TLSCert == "" || f.TLSKey == "":
		return problem.Usage("weir echo: --tls-cert and --tls-key belong together", "Give both, or neither.")
	}
	if _, err := tls.LoadX509KeyPair(f.TLSCert, f.TLSKey); err != nil {
		return problem.Usage("weir echo: the certificate cannot be taken: "+err.Error(), "--tls-cert and --tls-key are PEM files that belong together.")
	}
	return nil
}

// runEcho serves until the command's context ends.
func runEcho(cmd *cobra.Command, f echoFlags) error {
	if f.Locked {
		if err := echo.LockMemory(); err != nil {
			return problem.Failure(err, "the memory cannot be locked: "+err.Error(), "Raise the limit first: ulimit -l unlimited")
		}
	}
	if f.profile != "" {
		stop, err := profile(f.profile)
		if err != nil {
			return err
		}
		defer stop()
	}
	f.MaxMessage = int(f.maxMessage)
	log, flush := newLog(slog.LevelWarn)
	defer flush()
	f.Log = log
	s, err := echo.New(f.Options)
	if err != nil {
		return problem.Failure(err, "cannot start: "+err.Error(), "")
	}
	statsAt := ""
	if f.stats != "" {
		ln, err := address.Listen(f.stats, func() (net.Listener, error) { return net.Listen(network(f.stats)) })
		if err != nil {
			_ = s.Close() // nobody has used it
			return address.Explain(err, f.stats, "weir echo --stats")
		}
		statsAt = "http://" + ln.Addr().String() + "/stats"
		if path, ok := address.UnixPath(f.stats); ok {
			statsAt = path
		}
		stats := &http.Server{Handler: s.StatsHandler(), ReadHeaderTimeout: 5 * time.Second, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelInfo)}
		go func() { _ = stats.Serve(ln) }() // ends on the Close below
		defer stats.Close()
	}
	return run(cmd.Context(), s, f.listen, "weir echo --listen", func(at net.Addr) { tellEcho(cmd.OutOrStdout(), f, at, statsAt) })
}

// network splits an address into what net.Listen wants.
func network(addr string) (string, string) {
	if path, ok := address.UnixPath(addr); ok {
		return "unix", path
	}
	return "tcp", addr
}

// tellEcho says in one line or two what runs where.
func tellEcho(w io.Writer, f echoFlags, at net.Addr, statsAt string) {
	where := at.String()
	if host, ok := address.Host(at); ok {
		where = "ws://" + host + "/"
		if f.TLSCert != "" {
			where = "wss://" + host + "/"
		}
	}
	loops := f.Loops
	if loops == 0 {
		loops = runtime.GOMAXPROCS(0)
	}
	how := "inline"
	if f.Workers > 0 {
		how = fmt.Sprintf("up to %d workers", f.Workers)
	}
	fmt.Fprintf(w, "weir echo on %s (and /broadcast), loops: %d, %s\n", where, loops, how)
	if statsAt != "" {
		fmt.Fprintf(w, "stats on %s\n", statsAt)
	}
}

// profile begins a CPU profile; stop ends and writes it.
func profile(name string) (stop func(), err error) {
	out, err := os.Create(name)
	if err != nil {
		return nil, problem.Failure(err, "the profile cannot be written: "+err.Error(), "Pick another file: --cpuprofile weir.prof")
	}
	if err := pprof.StartCPUProfile(out); err != nil {
		_ = out.Close() // nothing was written
		return nil, problem.Failure(err, "the profile cannot be begun: "+err.Error(), "")
	}
	return func() {
		pprof.StopCPUProfile()
		if err := out.Close(); err != nil {
			fmt.Fprintln(os.Stderr, "weir: the profile is not complete: "+err.Error())
		}
	}, nil
}
