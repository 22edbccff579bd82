package clienttest

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weirws/weir/cmd/weir/internal/weirtest"
	"github.com/weirws/weir/engine"
)

// patience bounds every wait: it is only there to end a test that hangs.
const patience = 60 * time.Second

// browser is a headless Chromium, driven over the DevTools protocol, which is
// JSON over a WebSocket.
type browser struct {
	t    *testing.T
	conn *engine.Conn

	mu     sync.Mutex // guards the following
	last   int
	calls  map[int]chan reply
	errors []string // what pages complained of
	urls   []string // what pages asked for
	// password answers those who ask for one.
	password string
}

// reply is what comes from the browser: an answer or an event.
type reply struct {
	ID      int             `json:"id"`
	Session string          `json:"sessionId"`
	Method  string          `json:"method"`
	Params  json.RawMessage `json:"params"`
	Result  json.RawMessage `json:"result"`
	Error   *struct {
		Message string `json:"message"`
	} `json:"error"`
}

// newBrowser starts a Chromium, with further flags, that ends with the test.
func newBrowser(t *testing.T, flags ...string) *browser {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		weirtest.Require(t, "chromium is not here")
	}
	flags = append(flags, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-extensions", "--mute-audio",
		"--remote-debugging-port=0", "--user-data-dir="+t.TempDir(), "about:blank")
	cmd := exec.Command(path, flags...)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended by Browser.close
		_ = cmd.Wait()         // killed
	})
	b := &browser{t: t, calls: map[int]chan reply{}}
	b.dial(devTools(t, stderr))
	t.Cleanup(func() {
		// Its children write to the profile until it has closed properly.
		b.call("", "Browser.close", nil, nil)
		_ = cmd.Wait() // the cleanup above waits, too
	})
	return b
}

// devTools reads the address of the DevTools from what Chromium says, and the
// rest of that until it ends.
func devTools(t *testing.T, stderr interface{ Read([]byte) (int, error) }) string {
	t.Helper()
	said := bufio.NewScanner(stderr)
	listening := regexp.MustCompile(`^DevTools listening on (ws://\S+)`)
	var text strings.Builder
	for said.Scan() {
		if m := listening.FindStringSubmatch(said.Text()); m != nil {
			go func() { // ends when Chromium does
				for said.Scan() {
				}
			}()
			return m[1]
		}
		text.WriteString(said.Text() + "\n")
	}
	t.Fatalf("chromium does not start:\n%s", &text)
	return ""
}

func (b *browser) dial(url string) {
	b.t.Helper()
	client, err := engine.NewClient(engine.Handler{Message: b.message}, &engine.Options{
		Loops:           1,
		MaxMessageBytes: 64 << 20, // screenshots
	})
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { client.Close() })
	if b.conn, err = client.Dial(context.Background(), url, nil); err != nil {
		b.t.Fatal(err)
	}
}

// message takes what the browser sends.
func (b *browser) message(_ *engine.Conn, m engine.Message) {
	var r reply
	if err := json.Unmarshal(m.Data, &r); err != nil {
		b.t.Errorf("chromium sent %.80q: %v", m.Data, err)
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if call := b.calls[r.ID]; r.ID != 0 && call != nil {
		delete(b.calls, r.ID)
		call <- r
		return
	}
	if c := complaint(r); c != "" {
		b.errors = append(b.errors, c)
	}
	b.network(r)
}

// network keeps what a page asks for, and types the password. b.mu is held.
func (b *browser) network(r reply) {
	var p struct {
		Request   struct{ URL string }
		RequestID string
	}
	if json.Unmarshal(r.Params, &p) != nil {
		return
	}
	answer := params{"requestId": p.RequestID}
	method := "Fetch.continueRequest"
	switch r.Method {
	case "Network.requestWillBeSent":
		b.urls = append(b.urls, p.Request.URL)
		return
	case "Fetch.requestPaused":
	case "Fetch.authRequired":
		method = "Fetch.continueWithAuth"
		answer["authChallengeResponse"] = params{"response": "ProvideCredentials", "username": "anybody", "password": b.password}
	default:
		return
	}
	b.last++
	_ = b.conn.SendJSON(params{"id": b.last, "sessionId": r.Session, "method": method, "params": answer}) // the page waits if it is lost
}

// asked returns what pages asked for.
func (b *browser) asked() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.urls)
}

// complaint is what an event says of an error in a page.
func complaint(r reply) string {
	var p struct {
		Type             string
		Args             []struct{ Value, Description any }
		Entry            struct{ Level, Text, URL string }
		ExceptionDetails struct {
			Text      string
			Exception struct{ Description string }
		}
	}
	if json.Unmarshal(r.Params, &p) != nil {
		return ""
	}
	switch {
	case r.Method == "Runtime.exceptionThrown":
		return p.ExceptionDetails.Text + " " + p.ExceptionDetails.Exception.Description
	case r.Method == "Log.entryAdded" && p.Entry.Level == "error":
		return p.Entry.Text + " " + p.Entry.URL
	case r.Method == "Runtime.consoleAPICalled" && p.Type == "error":
		return fmt.Sprint(p.Args)
	}
	return ""
}

// complaints returns what pages complained of since the last call.
func (b *browser) complaints() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := b.errors
	b.errors = nil
	return all
}

// call calls a method of the DevTools protocol.
func (b *browser) call(session, method string, params, result any) {
	b.t.Helper()
	answer := make(chan reply, 1)
	b.mu.Lock()
	b.last++
	id := b.last
	b.calls[id] = answer
	b.mu.Unlock()
	request := map[string]any{"id": id, "method": method}
	if params != nil {
		request["params"] = params
	}
	if session != "" {
		request["sessionId"] = session
	}
	if err := b.conn.SendJSON(request); err != nil {
		b.t.Fatalf("%s: %v", method, err)
	}
	select {
	case r := <-answer:
		if r.Error != nil {
			b.t.Fatalf("%s: %s", method, r.Error.Message)
		}
		if result == nil {
			return
		}
		if err := json.Unmarshal(r.Result, result); err != nil {
			b.t.Fatalf("%s: %v", method, err)
		}
	case <-time.After(patience):
		b.t.Fatalf("%s: chromium does not answer", method)
	}
}

// page is one tab.
type page struct {
	*browser
	session string
}

type params map[string]any

// open opens a tab of that size, light or dark.
func (b *browser) open(url string, width, height int, scheme string) *page {
	b.t.Helper()
	var target struct{ TargetID string }
	b.call("", "Target.createTarget", params{"url": "about:blank"}, &target)
	var attached struct{ SessionID string }
	b.call("", "Target.attachToTarget", params{"targetId": target.TargetID, "flatten": true}, &attached)
	p := &page{b, attached.SessionID}
	for _, domain := range []string{"Runtime", "Log", "Page", "Network"} {
		p.call(p.session, domain+".enable", nil, nil)
	}
	if b.password != "" {
		p.call(p.session, "Fetch.enable", params{"handleAuthRequests": true}, nil)
	}
	p.call(p.session, "Emulation.setDeviceMetricsOverride", params{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}, nil)
	p.call(p.session, "Emulation.setEmulatedMedia", params{"features": []params{{"name": "prefers-color-scheme", "value": scheme}}}, nil)
	p.call(p.session, "Page.navigate", params{"url": url}, nil)
	p.wait("document.readyState === 'complete' && location.href !== 'about:blank'")
	return p
}

// eval evaluates an expression of JavaScript, waits for it if it is a promise,
// and decodes its value into result.
func (p *page) eval(expression string, result any) {
	p.t.Helper()
	var got struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails *struct {
			Text      string
			Exception struct{ Description string }
		}
	}
	p.call(p.session, "Runtime.evaluate", params{"expression": expression, "awaitPromise": true, "returnByValue": true, "userGesture": true}, &got)
	if e := got.ExceptionDetails; e != nil {
		p.t.Fatalf("%s: %s %s", expression, e.Text, e.Exception.Description)
	}
	if result == nil {
		return
	}
	if err := json.Unmarshal(got.Result.Value, result); err != nil {
		p.t.Fatalf("%s: %v", expression, err)
	}
}

// wait waits until a condition in JavaScript holds.
func (p *page) wait(condition string) {
	p.t.Helper()
	var held bool
	p.eval(`new Promise(resolve => {
		const end = performance.now() + `+strconv.Itoa(int(patience.Milliseconds())/2)+`
		const look = () => {
			if (`+condition+`) resolve(true)
			else if (performance.now() > end) resolve(false)
			else setTimeout(look, 10)
		}
		look()
	})`, &held)
	if !held {
		var text string
		p.eval("document.body.innerText", &text)
		p.screenshot("failed")
		p.t.Fatalf("it never holds that %s; the page shows:\n%s", condition, text)
	}
}

// screenshot writes a picture into the directory WEIR_SCREENSHOTS, if it is
// set: for people to look at.
func (p *page) screenshot(name string) {
	p.t.Helper()
	dir := os.Getenv("WEIR_SCREENSHOTS")
	if dir == "" {
		return
	}
	var shot struct{ Data string }
	p.call(p.session, "Page.captureScreenshot", params{"format": "png", "captureBeyondViewport": true}, &shot)
	png, err := base64.StdEncoding.DecodeString(shot.Data)
	if err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644); err != nil {
		p.t.Fatal(err)
	}
}
