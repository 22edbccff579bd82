package clienttest

import (
	"strings"
	"testing"

	"github.com/weirws/weir/cmd/weir/internal/weirtest"
)

// TestPrinted: all that weir serve prints without a configuration works as it
// stands there: the curl line reaches an npm client on the URL and the page, and
// the dashboard sees them.
func TestPrinted(t *testing.T) {
	node := npmScript(t, "testdata/listen.js")
	b := newBrowser(t)
	s := weirtest.Serve(t)
	s.Stdout(`Room for +about [1-9]\d+ connections; the limit is \w+`)
	curl := s.Stdout(`Publish +(curl .*)`)[1]

	page := b.open(s.Stdout(`Demo page +(http://\S+)`)[1], 1180, 900, "light")
	page.wait(connected)
	node.Args = append(node.Args, s.Stdout(`WebSocket +(ws://\S+)`)[1])
	client := weirtest.StartCommand(t, node)
	client.Stdout("(?m)^listening$")
	dashboard := b.open(s.Stdout(`Dashboard +(http://\S+)`)[1], 1180, 900, "light")
	dashboard.wait(`document.getElementById('subscriptions').textContent === '3'`) // so all three are subscribed

	if got, want := weirtest.Shell(t, curl), `"receivers_local":3}`+"\n"; !strings.HasSuffix(got, want) {
		t.Errorf("curl: got %q, want %q at its end: the client, and two panes of the page", got, want)
	}
	if got, want := client.Stdout(`(?m)^got (.*)$`)[1], `{"text":"hello","isBinary":false}`; got != want {
		t.Errorf("the client got %s, want %s", got, want)
	}
	page.wait(said("left", "hello"))
	page.wait(said("right", "hello"))
	if code := client.Wait(); code != 0 {
		t.Errorf("the client ended with %d", code)
	}
	if complaints := b.complaints(); len(complaints) > 0 {
		t.Errorf("a page complained:\n%s", strings.Join(complaints, "\n"))
	}
}
