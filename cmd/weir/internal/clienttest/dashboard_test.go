package clienttest

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/weirws/weir/cmd/weir/internal/weirtest"
	"github.com/weirws/weir/engine"
)

// listeners opens n clients of a topic, and returns where they tell of their
// end.
func listeners(t *testing.T, s *weirtest.Server, topic string, n int) <-chan *engine.CloseError {
	t.Helper()
	ends := make(chan *engine.CloseError, n)
	client, err := engine.NewClient(engine.Handler{Close: func(_ *engine.Conn, err error) { ends <- err.(*engine.CloseError) }}, &engine.Options{Loops: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	for range n {
		if _, err := client.Dial(context.Background(), s.URL("ws", "/ws?topic="+topic), nil); err != nil {
			t.Fatal(err)
		}
	}
	return ends
}

// TestChromiumDashboard drives the dashboard in a real browser: its charts move,
// and a connection is found, watched and closed.
func TestChromiumDashboard(t *testing.T) {
	b := newBrowser(t)
	s := weirtest.Serve(t)
	listeners(t, s, "crowd", 30)
	p := b.open("http://"+s.Admin+"/dashboard", 1280, 1000, "light")
	p.wait(`document.getElementById('state').textContent === 'ready'`)
	p.wait(`document.getElementById('connections').textContent === '30'`)
	t.Run("charts move", func(t *testing.T) {
		var before string
		p.eval(`document.querySelector('[data-chart=messages]').toDataURL()`, &before)
		for i := range 50 {
			publish(t, s, "crowd", "text/plain", fmt.Sprint("message ", i))
		}
		p.wait(`series.some(s => s.rates.published > 0 && s.rates.messages_out > s.rates.published)`)
		p.wait(`document.querySelector('[data-chart=messages]').toDataURL() !== ` + fmt.Sprintf("%q", before))
		p.wait(`series.length >= 4`)
		p.wait(`document.getElementById('toptopics').textContent.includes('crowd')`)
		// What is pointed at is told: three seconds ago, and then now again.
		p.eval(`(() => {
			const chart = document.querySelector('[data-chart=connections]'), at = chart.getBoundingClientRect()
			const step = (chart.clientWidth - 50) / 59
			chart.dispatchEvent(new PointerEvent('pointermove', {clientX: at.right - 2 - 3 * step, clientY: at.top + 5}))
		})()`, nil)
		p.wait(`pointed === 3`)
		p.eval(`document.querySelector('[data-chart=connections]').dispatchEvent(new PointerEvent('pointerleave'))`, nil)
		p.wait(`pointed === -1`)
	})
	ends := listeners(t, s, "wanted", 1)
	t.Run("a connection is found, watched and closed", func(t *testing.T) {
		p.eval(`document.querySelector('#find [name=topic]').value = 'wanted'; document.getElementById('find').requestSubmit()`, nil)
		p.wait(`document.getElementById('found').textContent.startsWith('1 shown of ')`)
		p.eval(`[...document.querySelectorAll('#conns button')].find(b => b.textContent === 'Watch').click()`, nil)
		p.wait(`watching.readyState === 1`)
		p.eval(`document.querySelector('#publish [name=topic]').value = 'wanted'; document.querySelector('#publish [name=data]').value = 'a secret'; document.getElementById('publish').requestSubmit()`, nil)
		p.wait(`document.getElementById('publishtold').textContent.endsWith(' went to 1 subscribers')`)
		p.wait(`document.querySelector('#events li')?.textContent.includes('publish  wanted')`)
		var shown string
		p.eval(`document.getElementById('events').textContent`, &shown)
		if !strings.Contains(shown, "8 B") || strings.Contains(shown, "secret") {
			t.Errorf("the event is shown as %q", shown)
		}
		p.screenshot("dashboard-light")
		p.eval(`[...document.querySelectorAll('#conns button')].find(b => b.textContent === 'Kick').click()`, nil)
		if end := <-ends; end.Code != engine.StatusPolicyViolation || end.Reason != "closed by an operator" {
			t.Errorf("it ended with %v", end)
		}
		p.wait(`document.querySelector('#events li').textContent.includes('close')`)
		p.wait(`document.getElementById('connections').textContent === '30'`)
	})
	for _, scheme := range []string{"light", "dark"} {
		t.Run("a phone, "+scheme, func(t *testing.T) {
			p := b.open("http://"+s.Admin+"/dashboard", 390, 844, scheme)
			p.wait(`series.length >= 2`)
			p.eval(`document.getElementById('find').requestSubmit()`, nil)
			p.wait(`document.querySelectorAll('#conns button').length === 60`)
			var overflow, small []string
			p.eval(`[...document.querySelectorAll('body *:not(.scroll *)')].filter(e => e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML.slice(0, 80))`, &overflow)
			if len(overflow) > 0 {
				t.Errorf("outside the screen: %q", overflow)
			}
			p.eval(`[...document.querySelectorAll('button, input')].filter(e => e.getBoundingClientRect().height < 44).map(e => e.outerHTML.slice(0, 80))`, &small)
			if len(small) > 0 {
				t.Errorf("too small to touch: %q", small)
			}
			var hidden int
			p.eval(`[...document.querySelectorAll('#conns button')].filter(e => e.getBoundingClientRect().right > innerWidth).length`, &hidden)
			if hidden > 0 {
				t.Errorf("%d buttons are only reached by scrolling sideways", hidden)
			}
			p.screenshot("dashboard-phone-" + scheme)
		})
	}
	t.Run("it asks nobody else", func(t *testing.T) {
		asked := b.asked()
		if len(asked) < 10 {
			t.Errorf("it asked for %q only", asked)
		}
		for _, url := range asked {
			if !strings.HasPrefix(url, "http://"+s.Admin+"/") && !strings.HasPrefix(url, "data:") {
				t.Errorf("it asked for %s", url)
			}
		}
	})
	if complaints := b.complaints(); len(complaints) > 0 {
		t.Errorf("the page complained:\n%s", strings.Join(complaints, "\n"))
	}
}

// TestChromiumDashboardToken: a browser asks for the token, and then the page is
// live; it finds its server again, and shows a drain.
func TestChromiumDashboardToken(t *testing.T) {
	b := newBrowser(t)
	b.password = "what operators know"
	file := func(listen, admin string) string {
		return weirtest.File(t, "weir.yaml", fmt.Sprintf(`listen: {addr: %q}
admin: {addr: %q, token: %q}
auth: {anonymous: {subscribe: ["*"]}}
drain: {delay: 0s, duration: 0s}
`, listen, admin, b.password))
	}
	s := weirtest.ServeFile(t, file("127.0.0.1:0", "127.0.0.1:0"))
	p := b.open("http://"+s.Admin+"/dashboard", 1280, 1000, "dark")
	p.wait(`document.getElementById('state').textContent === 'ready'`)
	p.eval(`document.getElementById('reload').requestSubmit()`, nil)
	p.wait(`document.getElementById('reloadtold').textContent.endsWith('applied nothing; needs a restart: nothing')`)
	if complaints := b.complaints(); len(complaints) > 0 {
		t.Errorf("the page complained:\n%s", strings.Join(complaints, "\n"))
	}
	s.Stop()
	p.wait(`document.getElementById('state').className === 'bad' && document.getElementById('state').textContent.endsWith('trying again')`)
	s = weirtest.ServeFile(t, file(s.Host, s.Admin))
	p.wait(`document.getElementById('state').textContent === 'ready'`)
	ends := listeners(t, s, "crowd", 200)
	p.wait(`document.getElementById('connections').textContent === '200'`)
	p.eval(`fetch('/api/admin/drain', {method: 'POST', body: '{"duration":"6s"}'}).then(r => r.status)`, nil)
	p.wait(`!document.getElementById('draining').hidden && document.getElementById('bar').value > 0.3 && document.getElementById('state').textContent.includes('draining')`)
	p.screenshot("dashboard-draining")
	for range 200 {
		if end := <-ends; end.Code != engine.StatusServiceRestart {
			t.Errorf("it ended with %v", end)
		}
	}
	p.wait(`document.getElementById('bar').value === 1`)
}
