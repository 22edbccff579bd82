package clienttest

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/weirws/weir/engine"
)

// withConnect is set in the process whose net/http offers WebSockets over HTTP/2: it reads GODEBUG when it starts.
const withConnect = "WEIR_TEST_HTTP2"

// overHTTP2 opens a WebSocket, says hello and shows what comes back as its title.
const overHTTP2 = `<!doctype html><title>waiting</title><script>
const ws = new WebSocket('wss://' + location.host + '/ws', 'echo')
ws.onopen = () => ws.send('hello over h2')
ws.onmessage = e => { document.title = ws.protocol + ': ' + e.data; ws.close(1000, 'enough') }
ws.onclose = e => { document.title += ', ' + e.code + ' ' + e.reason + ' ' + e.wasClean }
</script>`

// TestChromiumHTTP2 has Chromium open a WebSocket as a stream of the HTTP/2 connection that the page came over: RFC 8441.
// That it does is seen by the server.
func TestChromiumHTTP2(t *testing.T) {
	if os.Getenv(withConnect) == "" {
		if _, err := exec.LookPath("chromium"); err == nil {
			again(t)
			return
		}
	}
	b := newBrowser(t, "--ignore-certificate-errors")
	srv, err := engine.New(engine.Handler{
		Message: func(c *engine.Conn, m engine.Message) { c.Send(m.Kind, m.Data) },
	}, &engine.Options{Subprotocols: []string{"echo"}, Compression: engine.CompressionShared})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { srv.Close() })
	asked := make(chan string, 1)
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		io.WriteString(w, overHTTP2)
	})
	mux.HandleFunc("/ws", func(w http.ResponseWriter, r *http.Request) {
		asked <- fmt.Sprintf("%s %d %s", r.Method, r.ProtoMajor, r.Header.Get(":protocol"))
		srv.ServeHTTP(w, r)
	})
	hs := httptest.NewUnstartedServer(mux)
	hs.EnableHTTP2 = true
	hs.StartTLS()
	t.Cleanup(hs.Close)
	p := b.open(hs.URL, 800, 600, "light")
	p.wait(`document.title === 'echo: hello over h2, 1000 enough true'`)
	if got := <-asked; got != "CONNECT 2 websocket" {
		t.Errorf("the server was asked %q", got)
	}
	if complaints := b.complaints(); len(complaints) > 0 {
		t.Errorf("the page complained:\n%s", strings.Join(complaints, "\n"))
	}
}

// again runs t in a process that is started as net/http wants it.
func again(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, "-test.run=^"+t.Name()+"$", "-test.v", "-test.timeout=2m")
	cmd.Env = append(os.Environ(), withConnect+"=1", "GODEBUG=http2xconnect=1")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Fatalf("%v\n%s", err, out)
	}
}
