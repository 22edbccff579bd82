package command

import (
	"fmt"
	"net/http"
	"net/textproto"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirws/weir/cmd/weir/internal/console"
	"github.com/weirws/weir/cmd/weir/internal/problem"
	"github.com/weirws/weir/cmd/weir/internal/terminal"
	"github.com/weirws/weir/cmd/weir/internal/trust"
)

const connectLong = `Lines go out as messages, messages come in as lines. Ctrl-C closes. In a pipe,
only messages are written to the output, and the end of the input closes.`

func newConnect() *cobra.Command {
	var o console.Options
	var headers []string
	var t trust.Trust
	cmd := &cobra.Command{
		Use:   "connect URL",
		Short: "Talk to a WebSocket server, by hand or in a pipe",
		Long:  connectLong,
		Example: `weir connect 'ws://127.0.0.1:8080/ws?topic=demo'
weir connect --ca ca.pem wss://rt.example.com/chat
echo hello | weir connect ws://127.0.0.1:9001/echo`,
		Args: oneURL,
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if o.URL, err = parseURL(args[0]); err != nil {
				return err
			}
			if o.TLS, err = t.Config(o.URL); err != nil {
				return err
			}
			if o.Header, err = parseHeaders(headers); err != nil {
				return err
			}
			if err := checkSubprotocols(o.Subprotocols); err != nil {
				return err
			}
			if o.Ping < 0 {
				return problem.Usage("weir connect: --ping is negative", "0 means no pings; all else is positive.")
			}
			restore, err := attachTerminal(&o)
			if err != nil {
				return err
			}
			defer restore()
			return console.Run(cmd.Context(), o)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringArrayVarP(&headers, "header", "H", nil, "`LINE` send 'Name: value' with the request; repeatable")
	flags.StringArrayVarP(&o.Subprotocols, "subprotocol", "s", nil, "`NAME` offer this subprotocol; repeatable")
	addTrust(flags, &t)
	flags.DurationVar(&o.Ping, "ping", 0, "`DURATION` ping so often, show how long the pongs take")
	flags.BoolVar(&o.Binary, "binary", false, "send lines as binary messages, show those as they are")
	flags.BoolVar(&o.Hex, "hex", false, "the same, with hexadecimal digits both ways")
	flags.DurationVar(&o.Wait, "wait", time.Second, "`DURATION` silence after the input that closes; -1s: never")
	return cmd
}

// attachTerminal tells o what it reads from and writes to. restore leaves the
// terminal as it was; it may be called twice.
func attachTerminal(o *console.Options) (restore func(), err error) {
	o.In, o.Out, o.Notes = os.Stdin, os.Stdout, os.Stderr
	o.Keyboard, o.Screen = terminal.Is(os.Stdin), terminal.Is(os.Stdout)
	o.Colour = terminal.Colour(os.Stdout)
	if !o.Keyboard || !o.Screen || os.Getenv("TERM") == "dumb" {
		return func() {}, nil
	}
	reset, err := terminal.Raw(os.Stdin)
	if err != nil {
		return func() {}, nil // the terminal edits its lines by itself
	}
	restore = func() { _ = reset() } // a terminal that is gone needs none
	o.Raw = &console.Raw{Columns: func() int { return terminal.Columns(os.Stdout) }, Restore: restore}
	return restore, nil
}

// parseURL checks a URL and completes one without a scheme.
func parseURL(s string) (string, error) {
	full := s
	if !strings.Contains(s, "://") {
		full = "ws://" + s
	}
	const example = "For example: weir connect ws://127.0.0.1:9001/echo"
	u, err := url.Parse(full)
	if err != nil || u.Host == "" {
		return "", problem.Usage(fmt.Sprintf("%q is not a URL", s), example)
	}
	switch u.Scheme {
	case "ws", "wss":
	case "http":
		u.Scheme = "ws"
	case "https":
		u.Scheme = "wss"
	default:
		return "", problem.Usage(s+" is no WebSocket URL: its scheme is "+u.Scheme, example)
	}
	u.Fragment = ""
	return u.String(), nil
}

// parseHeaders reads lines like "Name: value".
func parseHeaders(lines []string) (http.Header, error) {
	h := http.Header{}
	for _, line := range lines {
		name, value, ok := strings.Cut(line, ":")
		if !ok || !isToken(name) {
			return nil, problem.Usage(fmt.Sprintf("%q is not a header", line), "Write it like: --header 'Authorization: Bearer abc'")
		}
		name = textproto.CanonicalMIMEHeaderKey(name)
		if name == "Sec-Websocket-Protocol" {
			return nil, problem.Usage("the header "+name+" has a flag of its own", "Try: --subprotocol "+strings.TrimSpace(value))
		}
		if strings.HasPrefix(name, "Sec-Websocket-") || slices.Contains(handshakes, name) {
			return nil, problem.Usage("the header "+name+" is the handshake's own", "Leave it out.")
		}
		h.Add(name, strings.TrimSpace(value))
	}
	return h, nil
}

// isToken says whether s may name a header or a subprotocol: RFC 9110, 5.6.2.
func isToken(s string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-.^_`|~"
	return s != "" && strings.Trim(s, letters) == ""
}

// handshakes are headers of the handshake itself, besides Sec-WebSocket-*.
var handshakes = []string{"Connection", "Content-Length", "Host", "Transfer-Encoding", "Upgrade"}

func checkSubprotocols(names []string) error {
	for _, name := range names {
		if !isToken(name) {
			return problem.Usage(fmt.Sprintf("%q is not a subprotocol: it is not one word of letters, digits and !#$%%&'*+.^_`|~-", name), "For several, repeat the flag.")
		}
	}
	return nil
}
