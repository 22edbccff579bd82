package clienttest

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/weirws/weir/cmd/weir/internal/weirtest"
)

// classes are those of weir echo --compress that clients meet here: without a context, with a small one, with the largest.
var classes = []string{"shared", "4k", "32k"}

// TestWSDeflate has the client of the npm package ws compress, by all that it can offer.
func TestWSDeflate(t *testing.T) {
	for _, class := range classes {
		t.Run(class, func(t *testing.T) {
			runCases(t, npmScript(t, "testdata/wsdeflate.js"), weirtest.Echo(t, "--compress", class).URL("ws", "/"))
		})
	}
}

// TestPythonDeflate has the client of Debian's python3-websockets compress.
func TestPythonDeflate(t *testing.T) {
	for _, class := range classes {
		t.Run(class, func(t *testing.T) {
			runCases(t, exec.Command(pythonWithWebsockets(t), "testdata/websocketsdeflate.py"), weirtest.Echo(t, "--compress", class).URL("ws", "/"))
		})
	}
}

// TestChromiumDeflate has Chromium compress, from a page of the server's own origin.
func TestChromiumDeflate(t *testing.T) {
	b := newBrowser(t)
	for _, class := range classes {
		s := weirtest.Echo(t, "--compress", class)
		p := b.open(s.URL("http", "/"), 800, 600, "light")
		var got string
		p.eval(fmt.Sprintf(`new Promise(resolve => {
			const sent = ['', 'x'.repeat(1 << 20)]
			for (let i = 0; i < 1000; i++) sent.push(JSON.stringify({id: i, topic: 'ticker-' + i %% 7, text: 'ä€😀'.repeat(i %% 50)}))
			const socket = new WebSocket(%q)
			let back = 0, wrong = 0
			socket.onopen = () => sent.forEach(text => socket.send(text))
			socket.onmessage = e => {
				if (e.data !== sent[back]) wrong++
				if (++back === sent.length) socket.close(1000)
			}
			socket.onclose = e => resolve(socket.extensions.split(';')[0] + ', ' + back + ' back, ' + wrong + ' wrong, ' + e.code)
		})`, s.URL("ws", "/")), &got)
		if want := "permessage-deflate, 1002 back, 0 wrong, 1000"; got != want {
			t.Errorf("%s: got %q, want %q", class, got, want)
		}
	}
	var foreign []string
	for _, c := range b.complaints() {
		if !strings.Contains(c, "426") { // the page itself: weir echo has none
			foreign = append(foreign, c)
		}
	}
	if len(foreign) > 0 {
		t.Errorf("pages complained:\n%s", strings.Join(foreign, "\n"))
	}
}
