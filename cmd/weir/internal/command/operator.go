package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/weirws/weir/cmd/weir/internal/address"
	"github.com/weirws/weir/cmd/weir/internal/config"
	"github.com/weirws/weir/cmd/weir/internal/operator"
	"github.com/weirws/weir/cmd/weir/internal/problem"
	"github.com/weirws/weir/cmd/weir/internal/trust"
)

// operating are the flags of commands that talk to the admin port. The token is
// the configuration's, and so WEIR_ADMIN_TOKEN's.
type operating struct {
	config string
	admin  string
	trust  trust.Trust // of an https:// URL, of a proxy before the port
	at     string      // where it is, for messages
}

func (o *operating) addTo(cmd *cobra.Command) {
	addConfig(cmd, &o.config)
	cmd.Flags().StringVar(&o.admin, "admin", "", "`URL` of the admin port, if not admin.addr")
	addTrust(cmd.Flags(), &o.trust)
}

// client returns what talks to the admin port.
func (o *operating) client() (*operator.Client, error) {
	c, err := loadConfig(o.config)
	if err != nil {
		return nil, err
	}
	if o.at, err = adminURL(cmp.Or(o.admin, reachable(c.Admin.Addr))); err != nil {
		return nil, err
	}
	secured, err := o.trust.Config(o.at)
	if err != nil {
		return nil, err
	}
	return operator.NewClient(o.at, c.Admin.Token, secured), nil
}

// adminURL makes a URL of what --admin is told: a URL, host:port, a host alone,
// or unix:/path.
func adminURL(told string) (string, error) {
	if strings.HasPrefix(told, "unix:") {
		return told, nil
	}
	scheme, rest, ok := strings.Cut(told, "://")
	switch {
	case !ok:
		if !strings.Contains(told, ":") {
			_, port, _ := net.SplitHostPort(config.Default().Admin.Addr) // it has one
			told = net.JoinHostPort(told, port)
		}
		return "http://" + told, address.Check("--admin", told)
	case scheme != "http" && scheme != "https":
		return "", problem.Usage("--admin is a URL with http:// or https://, and not "+scheme+"://", "For example: --admin http://127.0.0.1:8081")
	case rest == "":
		return "", problem.Usage("--admin "+told+" names no host", "For example: --admin http://127.0.0.1:8081")
	}
	return told, nil
}

// reachable makes an address to connect to out of one to listen on.
func reachable(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}

// explain makes a problem of an error of the admin port.
func (o *operating) explain(ctx context.Context, err error) error {
	var refused *operator.StatusError
	var dns *net.DNSError
	var slow net.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &refused) && refused.Status == http.StatusUnauthorized:
		return problem.Failure(err, "the admin port wants a token, or another one", "It is admin.token of the server's configuration: export WEIR_ADMIN_TOKEN=..., or -c weir.yaml")
	case errors.Is(err, operator.ErrForeign):
		return problem.Failure(err, "what answers at "+o.at+" is not the admin port of a weir serve", "That is another one than clients connect to: admin.addr, which is 127.0.0.1:8081 if it is not set.")
	case errors.Is(err, operator.ErrNoConn):
		return problem.Failure(err, err.Error(), "Find another one with: weir conns")
	case errors.As(err, &refused):
		return problem.Failure(err, "the server refuses: "+refused.Error(), "")
	case ctx.Err() != nil:
		return problem.Failure(err, "interrupted", "")
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ENOENT):
		return problem.Failure(err, "nothing listens on "+o.at, "Is weir serve running? Its admin port is named by --admin, or by -c weir.yaml.")
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return problem.Failure(err, "the server has gone", "")
	case errors.As(err, &dns):
		return problem.Failure(err, "no address is known for the host "+dns.Name, "Name another one: --admin host:port")
	case errors.As(err, &slow) && slow.Timeout():
		return problem.Failure(err, "the admin port at "+o.at+" does not answer", "Is a firewall between? From its own machine it is 127.0.0.1:8081, mostly.")
	case errors.Is(err, http.ErrSchemeMismatch):
		return problem.Failure(err, "the admin port at "+o.at+" does not speak TLS", "Try: --admin "+strings.Replace(o.at, "https:", "http:", 1))
	}
	if told := trust.Explain(err, o.at); told != nil {
		return told
	}
	return problem.Failure(err, "the admin port at "+o.at+" cannot be used: "+err.Error(), "")
}

func newConns() *cobra.Command {
	var o operating
	var f format
	var q operator.Query
	cmd := &cobra.Command{
		Use:   "conns",
		Short: "List connections: by user, address or topic",
		Example: `weir conns --topic news --limit 20
weir conns --user ann -o json | jq .conns[].id`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if q.Limit < 0 {
				return problem.Usage("weir conns: --limit is negative", "Leave it out for as many as the server gives.")
			}
			c, err := o.client()
			if err != nil {
				return err
			}
			found, total, err := c.Conns(cmd.Context(), q)
			if err != nil {
				return o.explain(cmd.Context(), err)
			}
			if f == asJSON {
				return writeJSON(cmd.OutOrStdout(), map[string]any{"conns": append([]operator.Conn{}, found...), "total": total})
			}
			rows := [][]string{{"ID", "USER", "ADDRESS", "AGE", "PENDING", "IN", "OUT", "TOPICS"}}
			for _, c := range found {
				rows = append(rows, []string{
					strconv.FormatUint(c.ID, 10), dash(visible(c.User)), c.IP, age(time.Since(c.ConnectedAt)), strconv.FormatInt(c.PendingBytes, 10),
					strconv.FormatUint(c.MessagesIn, 10), strconv.FormatUint(c.MessagesOut, 10), dash(visible(fewOf(c.Topics))),
				})
			}
			if err := writeTable(cmd.OutOrStdout(), rows); err != nil {
				return err
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "%d shown of %s connections\n", len(found), grouped(total))
			return nil
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&q.User, "user", "", "`NAME` only this user's")
	flags.StringVar(&q.IP, "ip", "", "`ADDR` only those from this address")
	flags.StringVar(&q.Topic, "topic", "", "`TOPIC` only its subscribers")
	flags.IntVar(&q.Limit, "limit", 0, "`N` at most")
	o.addTo(cmd)
	addFormat(cmd, &f)
	return cmd
}

// fewOf are the first of many, in a line.
func fewOf(names []string) string {
	const most = 5
	if len(names) <= most {
		return strings.Join(names, " ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], " "), len(names)-most)
}

// dash stands for nothing in a table.
func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// visible shows what cannot be printed as escapes: what a client says of itself
// does not steer the operator's terminal.
func visible(s string) string {
	if utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !strconv.IsPrint(r) }) {
		return s
	}
	return strconv.Quote(s)
}

// age is a duration as operators say it.
func age(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	case d < 24*time.Hour:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%dd%02dh", int(d.Hours())/24, int(d.Hours())%24)
}

func newTopics() *cobra.Command {
	var o operating
	var f format
	cmd := &cobra.Command{
		Use:   "topics",
		Short: "List the topics that someone subscribes to",
		Example: `weir topics
weir topics -o json`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := o.client()
			if err != nil {
				return err
			}
			found, total, err := c.Topics(cmd.Context())
			if err != nil {
				return o.explain(cmd.Context(), err)
			}
			if f == asJSON {
				return writeJSON(cmd.OutOrStdout(), map[string]any{"topics": append([]operator.Topic{}, found...), "total": total})
			}
			rows := [][]string{{"TOPIC", "SUBSCRIBERS", "PUBLISHED", "DROPPED"}}
			for _, t := range found {
				rows = append(rows, []string{visible(t.Name), grouped(t.Subscribers), strconv.FormatUint(t.Published, 10), strconv.FormatUint(t.Dropped, 10)})
			}
			if err := writeTable(cmd.OutOrStdout(), rows); err != nil {
				return err
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "%d shown of %s topics\n", len(found), grouped(total))
			return nil
		},
	}
	cmd.Flags().SortFlags = false
	o.addTo(cmd)
	addFormat(cmd, &f)
	return cmd
}

func newKick() *cobra.Command {
	var o operating
	var f format
	cmd := &cobra.Command{
		Use:   "kick ID...",
		Short: "Close connections, by the id that weir conns shows",
		Example: `weir kick 4711
weir conns --user ann -o json | jq .conns[].id | xargs weir kick`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return problem.Usage("weir kick wants the id of a connection", "Find it with: weir conns")
			}
			return nil
		},
		ValidArgsFunction: o.completing(listedConns),
		RunE: func(cmd *cobra.Command, args []string) error {
			ids := make([]uint64, len(args))
			for i, word := range args {
				var err error
				if ids[i], err = strconv.ParseUint(word, 10, 64); err != nil {
					return problem.Usage("the id of a connection is a number, and not "+strconv.Quote(word), "Find it with: weir conns")
				}
			}
			c, err := o.client()
			if err != nil {
				return err
			}
			var kicked []uint64
			for _, id := range ids {
				if err = c.Kick(cmd.Context(), id); err != nil {
					break
				}
				kicked = append(kicked, id)
			}
			if f == asJSON {
				if werr := writeJSON(cmd.OutOrStdout(), map[string]any{"kicked": append([]uint64{}, kicked...)}); werr != nil {
					return werr
				}
			} else {
				for _, id := range kicked {
					fmt.Fprintf(cmd.OutOrStdout(), "closed %d\n", id)
				}
			}
			return o.explain(cmd.Context(), err)
		},
	}
	cmd.Flags().SortFlags = false
	o.addTo(cmd)
	addFormat(cmd, &f)
	return cmd
}
