package command

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"

	"github.com/spf13/cobra"

	"github.com/weirws/weir/cmd/weir/internal/address"
	"github.com/weirws/weir/cmd/weir/internal/demo"
	"github.com/weirws/weir/cmd/weir/internal/gateway"
	"github.com/weirws/weir/cmd/weir/internal/problem"
)

const serveLong = `Clients subscribe to topics:  GET /ws?topic=a&topic=b, a WebSocket
Programs publish to a topic:  POST /publish/{topic}, the body is the message
A body that is not UTF-8, or is application/octet-stream, goes out as binary.
There is a demo page at / and a health check at /healthz.`

func newServe() *cobra.Command {
	var listen string
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve topics: publish over HTTP, listen over WebSockets",
		Long:  serveLong,
		Example: `weir serve
weir serve --listen :8080                    for the whole network
weir serve --listen unix:/run/weir.sock      for a proxy on this machine`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := address.Check("--listen", listen); err != nil {
				return err
			}
			g, err := gateway.New(newLog(slog.LevelInfo))
			if err != nil {
				return problem.Failure(err, "cannot start: "+err.Error(), "")
			}
			return run(cmd.Context(), g, listen, "weir serve --listen", func(at net.Addr) { tellServe(cmd.OutOrStdout(), at) })
		},
	}
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:8080", "`ADDR` where to listen: host:port or unix:/path")
	return cmd
}

// tellServe shows how to use the server that listens on at.
func tellServe(w io.Writer, at net.Addr) {
	query := gateway.SocketPath + "?topic=" + url.QueryEscape(demo.Topic)
	publish := gateway.PublishPath + url.PathEscape(demo.Topic)
	host, ok := address.Host(at)
	if !ok {
		fmt.Fprintf(w, "weir is serving on %s. Ctrl-C stops it.\n\n", at)
		fmt.Fprintf(w, "  WebSocket   ws://localhost%s, over that socket\n", query)
		fmt.Fprintf(w, "  Publish     curl --unix-socket %s -d hello http://localhost%s\n", at, publish)
		return
	}
	fmt.Fprint(w, "weir is serving. Ctrl-C stops it.\n\n")
	fmt.Fprintf(w, "  WebSocket   ws://%s%s\n", host, query)
	fmt.Fprintf(w, "  Publish     curl -d hello http://%s%s\n", host, publish)
	fmt.Fprintf(w, "  Demo page   http://%s/\n", host)
	if !address.Local(at) {
		fmt.Fprintln(w, "\nWhoever reaches this machine may listen and publish.")
	}
}
