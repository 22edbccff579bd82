package clienttest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weirws/weir/cmd/weir/internal/weirtest"
)

// npmPackages is where `make clients` puts the packages of npm.
const npmPackages = "../../../../engine/testdata/clients/node_modules"

// TestWS runs the client of the npm package ws.
func TestWS(t *testing.T) { runScript(t, npmScript(t, "testdata/ws.js")) }

// npmScript is a script for Node that finds the packages of npm.
func npmScript(t *testing.T, script string) *exec.Cmd {
	t.Helper()
	node := look(t, "node")
	packages, err := filepath.Abs(npmPackages)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(packages, "ws")); err != nil {
		weirtest.Require(t, "the npm package ws is not here: make clients")
	}
	cmd := exec.Command(node, script)
	cmd.Env = append(os.Environ(), "NODE_PATH="+packages)
	return cmd
}

// TestNode runs Node's built-in WebSocket.
func TestNode(t *testing.T) {
	node := look(t, "node")
	const flag = "--experimental-websocket"
	if exec.Command(node, flag, "-e", "process.exit(typeof WebSocket === 'function' ? 0 : 1)").Run() != nil {
		weirtest.Require(t, "this node has no built-in WebSocket")
	}
	runScript(t, exec.Command(node, flag, "testdata/builtin.js"))
}

// TestPythonWebsockets runs the client of Debian's python3-websockets.
func TestPythonWebsockets(t *testing.T) {
	runScript(t, exec.Command(pythonWithWebsockets(t), "testdata/websockets.py"))
}

// pythonWithWebsockets is the Python that has the package.
func pythonWithWebsockets(t *testing.T) string {
	t.Helper()
	const python = "/usr/bin/python3"
	if exec.Command(python, "-c", "import websockets").Run() != nil {
		weirtest.Require(t, "python3-websockets is not here, or not for "+python)
	}
	return python
}

// look finds a program.
func look(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		weirtest.Require(t, name+" is not here")
	}
	return path
}

// runScript runs a client against weir echo and weir serve: it gets their URLs as arguments, and the key of weir serve in
// the environment. It writes "ok name" or "not ok name: why" for each of its cases.
func runScript(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	echo, serve := weirtest.Echo(t), weirtest.Serve(t)
	cmd.Env = append(cmd.Environ(), "WEIR_KEY="+serve.Key)
	runCases(t, cmd, echo.URL("ws", "/"), serve.URL("http", ""))
}

// runCases runs a client with further arguments, and each case that it tells of as a test.
func runCases(t *testing.T, cmd *exec.Cmd, args ...string) {
	t.Helper()
	cmd.Args = append(cmd.Args, args...)
	got := weirtest.RunCommand(t, cmd, "")
	cases := 0
	for line := range strings.Lines(got.Stdout) {
		verdict, ok := strings.CutPrefix(strings.TrimSpace(line), "ok ")
		name, why, _ := strings.Cut(strings.TrimPrefix(verdict, "not ok "), ": ")
		cases++
		t.Run(name, func(t *testing.T) {
			if !ok {
				t.Error(why)
			}
		})
	}
	if got.Exit != 0 || cases == 0 {
		t.Errorf("%s: got %d after %d cases:\n%s%s", cmd.Args, got.Exit, cases, got.Stdout, got.Stderr)
	}
}
