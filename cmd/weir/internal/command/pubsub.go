package command

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirws/weir/cmd/weir/internal/config"
	"github.com/weirws/weir/cmd/weir/internal/console"
	"github.com/weirws/weir/cmd/weir/internal/glob"
	"github.com/weirws/weir/cmd/weir/internal/problem"
	"github.com/weirws/weir/cmd/weir/internal/terminal"
	"github.com/weirws/weir/cmd/weir/internal/trust"
	"github.com/weirws/weir/engine"
)

// publishTime bounds the wait for the answer to a publication.
const publishTime = 30 * time.Second

// maxReplyBytes bounds that answer.
const maxReplyBytes = 64 << 10

// serverURL is where a server of a configuration is reached, unless told is a
// URL: with scheme and host, and nothing behind.
func serverURL(told string, c *config.Config) (*url.URL, error) {
	if told == "" {
		scheme, host := "http", reachable(c.Listen.Addr)
		if c.Listen.TLS.On() {
			scheme = "https"
			if names := c.Listen.TLS.ACME.Domains; len(names) > 0 {
				host = names[0]
			}
		}
		told = scheme + "://" + host
		if strings.HasPrefix(c.Listen.Addr, "unix:") {
			told = c.Listen.Addr
		}
	}
	if path, ok := strings.CutPrefix(told, "unix:"); ok {
		return &url.URL{Scheme: "unix", Path: path}, nil
	}
	if !strings.Contains(told, "://") {
		told = "http://" + told
	}
	u, err := url.Parse(told)
	if err != nil || u.Host == "" {
		return nil, problem.Usage(fmt.Sprintf("--url %q is no URL", told), "For example: --url https://rt.example.com")
	}
	switch u.Scheme {
	case "ws":
		u.Scheme = "http"
	case "wss":
		u.Scheme = "https"
	case "http", "https":
	default:
		return nil, problem.Usage("--url is a server's, with http:// or https://, and not "+u.Scheme+"://", "For example: --url https://rt.example.com")
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host, Path: strings.TrimSuffix(u.Path, "/")}, nil
}

// publication is what weir pub sends.
type publication struct {
	config, url  string
	trust        trust.Trust
	topic        string
	header       http.Header
	event        string
	key          string // of idempotency
	conflate     string
	exclude      string
	binary       bool
	format       format
	in           io.Reader
	bodyArgument *string // nil: the body is read from in
}

const pubLong = `The message is DATA, or all of the input. The key is WEIR_PUBLISH_KEY, or else
the first of auth.publish_keys that may publish to the topic.`

func newPub() *cobra.Command {
	var p publication
	cmd := &cobra.Command{
		Use:   "pub TOPIC [DATA]",
		Short: "Publish a message to a topic",
		Long:  pubLong,
		Example: `weir pub news 'hello, world'
date | weir pub --url https://rt.example.com news`,
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case len(args) == 0:
				return problem.Usage("weir pub wants a topic", "For example: weir pub news hello")
			case len(args) > 2:
				return problem.Usage("weir pub wants one message, and got more words", "Put it in quotes: weir pub "+shellWord(args[0])+" "+shellWord(strings.Join(args[1:], " ")))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			p.topic, p.in = args[0], cmd.InOrStdin()
			if len(args) > 1 {
				p.bodyArgument = &args[1]
			}
			return p.run(cmd)
		},
	}
	cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		o := operating{config: p.config}
		return o.completing(listedTopics)(cmd, args, begun)
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&p.event, "event", "", "`NAME` what kind of message it is")
	flags.StringVar(&p.key, "idempotency-key", "", "`KEY` publish at most once with this key")
	flags.StringVar(&p.conflate, "conflate-key", "", "`KEY` replace what waits with the same key")
	flags.StringVar(&p.exclude, "exclude", "", "`ID` leave this connection out")
	flags.BoolVar(&p.binary, "binary", false, "send it as a binary message, text or not")
	flags.StringVar(&p.url, "url", "", "`URL` of the server, if not listen.addr")
	addTrust(flags, &p.trust)
	addConfig(cmd, &p.config)
	addFormat(cmd, &p.format)
	return cmd
}

func (p *publication) run(cmd *cobra.Command) error {
	c, err := loadConfig(p.config)
	if err != nil {
		return err
	}
	at, err := serverURL(p.url, c)
	if err != nil {
		return err
	}
	secured, err := p.trust.Config(at.String())
	if err != nil {
		return err
	}
	body := []byte(nil)
	if p.bodyArgument != nil {
		body = []byte(*p.bodyArgument)
	} else if body, err = p.read(); err != nil {
		return problem.Failure(err, "the input cannot be read: "+err.Error(), "")
	}
	p.setHeader(c)
	status, answer, err := post(cmd.Context(), at, secured, "/publish/"+url.PathEscape(p.topic), p.header, body)
	if err != nil {
		return explainPost(err, at)
	}
	return p.tell(cmd.OutOrStdout(), status, answer)
}

// read reads the message from the input, which may be a person.
func (p *publication) read() ([]byte, error) {
	if p.in == os.Stdin && terminal.Is(os.Stdin) && terminal.Is(os.Stderr) {
		fmt.Fprintln(os.Stderr, "weir: type the message; Ctrl-D at the beginning of a line ends it")
	}
	return io.ReadAll(p.in)
}

// setHeader makes the header of what was asked for.
func (p *publication) setHeader(c *config.Config) {
	p.header = http.Header{}
	for name, value := range map[string]string{
		"X-Event": p.event, "X-Idempotency-Key": p.key, "X-Conflate-Key": p.conflate, "X-Exclude-Socket": p.exclude,
	} {
		if value != "" {
			p.header.Set(name, value)
		}
	}
	p.header.Set("Content-Type", "text/plain; charset=utf-8")
	if p.binary {
		p.header.Set("Content-Type", "application/octet-stream")
	}
	key := os.Getenv("WEIR_PUBLISH_KEY")
	for _, k := range c.Auth.PublishKeys {
		if key == "" && glob.Any(k.Topics, p.topic) {
			key = k.Secret
		}
	}
	if key != "" {
		p.header.Set("Authorization", "Bearer "+key)
	}
}

// tell shows the answer to a publication.
func (p *publication) tell(w io.Writer, status int, answer []byte) error {
	var told struct {
		ID        string `json:"id"`
		Receivers *int64 `json:"receivers_local"`
		Error     string `json:"error"`
	}
	_ = json.Unmarshal(answer, &told) // the answer of a proxy is no JSON
	switch {
	case status == http.StatusUnauthorized:
		return problem.Failure(nil, "the server wants a key, or another one", "export WEIR_PUBLISH_KEY=..., or name its configuration: -c weir.yaml")
	case status >= 300 && told.Error != "":
		return problem.Failure(nil, "the server refuses: "+told.Error, "")
	case status >= 300 || told.Receivers == nil:
		return problem.Failure(nil, fmt.Sprintf("the answer is %d %s, and not that of weir serve", status, http.StatusText(status)), "")
	}
	if p.format == asJSON {
		_, err := fmt.Fprintf(w, "%s\n", bytes.TrimSpace(answer))
		return unwritten(err)
	}
	receivers := "receivers"
	if *told.Receivers == 1 {
		receivers = "receiver"
	}
	_, err := fmt.Fprintf(w, "to %d %s%s\n", *told.Receivers, receivers, withID(told.ID))
	return unwritten(err)
}

func withID(id string) string {
	if id == "" {
		return ""
	}
	return ", as " + id
}

// post makes a request to a server, which may listen on a Unix socket.
func post(ctx context.Context, at *url.URL, secured *tls.Config, path string, header http.Header, body []byte) (int, []byte, error) {
	ctx, cancel := context.WithTimeout(ctx, publishTime)
	defer cancel()
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: secured, ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	target := at.String() + path
	if at.Scheme == "unix" {
		target = "http://localhost" + path
		transport.Proxy, transport.DialContext = nil, func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", at.Path)
		}
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	r.Header = header
	answer, err := client.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxReplyBytes))
	return answer.StatusCode, text, err
}

func explainPost(err error, at *url.URL) error {
	var failed *url.Error
	if errors.As(err, &failed) {
		err = failed.Err
	}
	if errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ENOENT) {
		return problem.Failure(err, "nothing listens on "+at.String(), "Is weir serve running? Another server is named by --url.")
	}
	if told := trust.Explain(err, at.Host); told != nil {
		return told
	}
	return problem.Failure(err, "the message cannot be published at "+at.String()+": "+err.Error(), "")
}

const subLong = `Each message is a line of the output. The token is WEIR_TOKEN's: see weir token.
With -o json a line also says the topic, the id and the event.`

func newSub() *cobra.Command {
	var path, told string
	var t trust.Trust
	var count int
	var f format
	cmd := &cobra.Command{
		Use:   "sub TOPIC...",
		Short: "Print what is published to topics",
		Long:  subLong,
		Example: `weir sub news weather
weir sub --count 1 news                      wait for one message
WEIR_TOKEN=$(weir token --topic news -c weir.yaml) weir sub news`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return problem.Usage("weir sub wants a topic", "For example: weir sub news")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if count < 0 {
				return problem.Usage("weir sub: --count is negative", "Leave it out to go on for ever.")
			}
			c, err := loadConfig(path)
			if err != nil {
				return err
			}
			at, err := serverURL(told, c)
			if err != nil {
				return err
			}
			if at.Scheme == "unix" {
				return problem.Usage("weir sub does not connect to a Unix socket", "Name a proxy before it: --url https://rt.example.com")
			}
			query := url.Values{"topic": args}
			var counted func(engine.Message) bool // nil: all
			if f == asJSON {
				query.Set("envelope", "json")
				counted = published
			}
			at.Scheme = strings.Replace(at.Scheme, "http", "ws", 1)
			secured, err := t.Config(at.String())
			if err != nil {
				return err
			}
			return listen(cmd, at.String()+"/ws?"+query.Encode(), secured, count, counted)
		},
	}
	cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
		o := operating{config: path}
		return o.completing(listedTopics)(cmd, args, begun)
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.IntVar(&count, "count", 0, "`N` messages, then end")
	flags.StringVar(&told, "url", "", "`URL` of the server, if not listen.addr")
	addTrust(flags, &t)
	addConfig(cmd, &path)
	addFormat(cmd, &f)
	return cmd
}

// published reports whether an envelope has a message: the first has none, but
// says that all is ready.
func published(m engine.Message) bool {
	var said struct{ Type string }
	return m.JSON(&said) == nil && said.Type == "message"
}

// listen prints what comes from a URL, and ends after count of the messages that
// are counted; 0: never.
func listen(cmd *cobra.Command, at string, secured *tls.Config, count int, counted func(engine.Message) bool) error {
	silence, never := io.Pipe() // nothing is sent
	defer never.Close()
	header := http.Header{}
	if t := os.Getenv("WEIR_TOKEN"); t != "" {
		header.Set("Authorization", "Bearer "+t)
	}
	return console.Run(cmd.Context(), console.Options{
		URL: at, TLS: secured, Header: header, Wait: -1, Count: count, Counted: counted,
		In: silence, Out: cmd.OutOrStdout(), Notes: cmd.ErrOrStderr(),
		Bare: true, Screen: terminal.Is(os.Stdout),
	})
}
