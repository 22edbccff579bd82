package clienttest

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/weirws/weir/cmd/weir/internal/weirtest"
)

// connected holds when both panes of the demo page are.
const connected = `document.querySelectorAll('.pane.open').length === 2`

// said holds when the last message of a pane is text.
func said(side, text string) string {
	return fmt.Sprintf(`[...document.querySelectorAll('#%s .log li:not(.note) p')].at(-1)?.textContent === %q`, side, text)
}

// say types text into a pane and sends it.
func (p *page) say(side, text string) {
	p.t.Helper()
	p.eval(fmt.Sprintf(`(() => { const i = document.querySelector('#%s input'); i.value = %q; i.form.requestSubmit() })()`, side, text), nil)
}

// publish is what the printed curl line does.
func publish(t *testing.T, s *weirtest.Server, topic, contentType, body string) {
	t.Helper()
	if answer, body := s.Publish(topic, contentType, body); answer.StatusCode != http.StatusOK {
		t.Fatalf("got %s, %s, want 200", answer.Status, body)
	}
}

// TestChromiumDemoPage drives the demo page in a real browser.
func TestChromiumDemoPage(t *testing.T) {
	b := newBrowser(t)
	s := weirtest.Serve(t)
	p := b.open(s.URL("http", "/"), 1180, 900, "light")
	p.wait(connected)

	t.Run("the panes talk to each other", func(t *testing.T) {
		p.say("left", "hello, right bank")
		p.wait(said("right", "hello, right bank"))
		p.wait(said("left", "hello, right bank"))
		p.wait(`document.querySelector('#left .told').textContent === 'reached 2 clients'`)
		p.wait(`document.querySelector('#left .log li:last-child').classList.contains('own')`)
		p.wait(`!document.querySelector('#right .log li:last-child').classList.contains('own')`)
		p.say("right", "and back: <b>ä€😀</b>")
		p.wait(said("left", "and back: <b>ä€😀</b>"))
		p.wait(`document.querySelector('#right input').value === ''`)
	})
	t.Run("what is published outside arrives", func(t *testing.T) {
		publish(t, s, "demo", "application/x-www-form-urlencoded", "hello from curl")
		p.wait(said("left", "hello from curl"))
		p.wait(said("right", "hello from curl"))
		publish(t, s, "demo", "application/octet-stream", "\x00\x01\xfe\xff")
		p.wait(said("left", "00 01 fe ff"))
		publish(t, s, "other", "text/plain", "not here")
		publish(t, s, "demo", "application/json", `{"side":"left"}`)
		p.wait(said("right", `{"side":"left"}`))
	})
	t.Run("counts", func(t *testing.T) {
		p.wait(`document.getElementById('connections').textContent === '2'`)
		p.wait(`document.getElementById('topics').textContent === '1'`)
		p.wait(`document.getElementById('published').textContent === '6'`)
		p.wait(`document.getElementById('delivered').textContent === '10'`)
		p.wait(`!document.getElementById('counts').classList.contains('stale')`)
	})
	t.Run("its lines are those that weir prints", func(t *testing.T) {
		var line string
		p.eval(`document.getElementById('publish').textContent`, &line)
		if want := "curl -H 'Authorization: Bearer " + s.Key + "' -d 'hello' " + s.URL("http", "/publish/demo"); line != want {
			t.Errorf("got %q, want %q", line, want)
		}
		p.eval(`document.getElementById('listen').textContent`, &line)
		if want := "weir connect '" + s.URL("ws", "/ws?topic=demo") + "'"; line != want {
			t.Errorf("got %q, want %q", line, want)
		}
	})
	t.Run("a bank that is cut hears nothing", func(t *testing.T) {
		p.eval(`document.querySelector('#right button').click()`, nil)
		p.wait(`document.querySelector('#right').classList.contains('cut')`)
		p.wait(`document.getElementById('connections').textContent === '1'`)
		p.say("left", "are you there?")
		p.wait(said("left", "are you there?"))
		p.screenshot("cut")
		p.eval(`document.querySelector('#right button').click()`, nil)
		p.wait(connected)
		p.wait("!(" + said("right", "are you there?") + ")")
	})
	if complaints := b.complaints(); len(complaints) > 0 {
		t.Errorf("the page complained:\n%s", strings.Join(complaints, "\n"))
	}
	p.screenshot("light")
}

// TestChromiumReconnect stops the server under the page and starts it again on
// the same port.
func TestChromiumReconnect(t *testing.T) {
	b := newBrowser(t)
	s := weirtest.Serve(t)
	p := b.open(s.URL("http", "/"), 1180, 900, "dark")
	p.wait(connected)
	p.say("left", "before")
	p.wait(said("right", "before"))
	s.Stop()
	p.wait(`document.querySelectorAll('.pane.open').length === 0`)
	p.wait(`document.getElementById('counts').classList.contains('stale')`)
	p.say("left", "into the void")
	p.wait(`document.querySelector('#left .told').textContent === 'Not sent: the server does not answer'`)
	p.screenshot("gone")
	weirtest.Start(t, "serve", "--listen", s.Host, "--admin", "127.0.0.1:0").Stdout("Demo page")
	p.wait(connected)
	p.wait(`document.querySelector('#left input').value === 'into the void'`)
	p.say("left", "after")
	p.wait(said("right", "after"))
	p.screenshot("dark")
}

// TestChromiumPhone looks at the page on a narrow screen: nothing of it may lie
// outside, and what is touched must be large enough to be hit.
func TestChromiumPhone(t *testing.T) {
	b := newBrowser(t)
	s := weirtest.Serve(t)
	for _, scheme := range []string{"light", "dark"} {
		p := b.open(s.URL("http", "/"), 360, 740, scheme)
		p.wait(connected)
		p.say("left", "a word that is far too long for a narrow screen: "+strings.Repeat("weir", 40))
		p.wait(`document.querySelector('#right .log li:not(.note)')`)
		var overflow, small []string
		p.eval(`[...document.querySelectorAll('body *:not(.line code)')].filter(e => e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML.slice(0, 80))`, &overflow)
		if len(overflow) > 0 {
			t.Errorf("%s: outside the screen: %q", scheme, overflow)
		}
		p.eval(`[...document.querySelectorAll('button, input')].filter(e => e.getBoundingClientRect().height < 44).map(e => e.outerHTML.slice(0, 80))`, &small)
		if len(small) > 0 {
			t.Errorf("%s: too small to touch: %q", scheme, small)
		}
		p.screenshot("phone-" + scheme)
	}
	if complaints := b.complaints(); len(complaints) > 0 {
		t.Errorf("the page complained:\n%s", strings.Join(complaints, "\n"))
	}
}

// TestChromiumTopic opens the page on another topic, with a name that needs
// escaping everywhere.
func TestChromiumTopic(t *testing.T) {
	b := newBrowser(t)
	s := weirtest.Serve(t)
	p := b.open(s.URL("http", "/?topic=a%2Fb%27s%20%26%20c"), 1180, 900, "light")
	p.wait(connected)
	publish(t, s, "a%2Fb's%20&%20c", "text/plain", "through")
	p.wait(said("left", "through"))
	p.say("right", "and here")
	p.wait(said("left", "and here"))
	var line string
	p.eval(`document.getElementById('publish').textContent`, &line)
	if want := `curl -H 'Authorization: Bearer ` + s.Key + `' -d 'hello' '` + s.URL("http", `/publish/a%2Fb'\''s%20%26%20c'`); line != want {
		t.Errorf("got %q, want %q", line, want)
	}
}

// TestChromiumForeignPage is a page of another origin: it may neither listen
// nor publish.
func TestChromiumForeignPage(t *testing.T) {
	b := newBrowser(t)
	ours, foreign := weirtest.Serve(t), weirtest.Serve(t)
	p := b.open(foreign.URL("http", "/healthz"), 800, 600, "light")
	var code int
	p.eval(fmt.Sprintf(`new Promise(r => { new WebSocket(%q).onclose = e => r(e.code) })`, ours.URL("ws", "/ws?topic=demo")), &code)
	if code != 1006 {
		t.Errorf("its WebSocket closed with %d, want 1006", code)
	}
	p.eval(fmt.Sprintf(`fetch(%q, {method: 'POST', mode: 'no-cors', body: 'x'}).then(() => 0, () => 0)`, ours.URL("http", "/publish/demo")), nil)
	after := b.open(ours.URL("http", "/"), 800, 600, "light")
	after.wait(`document.getElementById('published').textContent === '0'`)
}
