package clienttest

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// patience bounds every wait: it is only there to end a test that hangs.
const patience = 60 * time.Second

// Where things are that are not Go, and those that are of another module.
const (
	npmPackages = "../../testdata/clients/node_modules" // `make clients` fills it
	peers       = "../../../bench/peers"
)

// require skips the test because of something that it needs and that is not here, or fails it when WEIR_REQUIRE_CLIENTS
// is 1.
func require(t *testing.T, missing string) {
	t.Helper()
	if os.Getenv("WEIR_REQUIRE_CLIENTS") == "1" {
		t.Fatal(missing)
	}
	t.Skip(missing)
}

// program is one that is not ours: a server without arguments, and a client with a URL.
type program struct {
	name     string
	unparted bool // it sends no fragments
	obliging bool // it chooses whatever subprotocol is offered first
	command  func(t *testing.T) *exec.Cmd
}

var programs = []program{
	{name: "ws", command: func(t *testing.T) *exec.Cmd {
		node, err := exec.LookPath("node")
		if err != nil {
			require(t, "node is not here")
		}
		return script(t, node, "ws.js", "ws")
	}},
	{name: "Bun", unparted: true, obliging: true, command: func(t *testing.T) *exec.Cmd {
		// npm's bun keeps the program in the package of the platform until an install script moves it.
		found, err := filepath.Glob(filepath.Join(npmPackages, "@oven", "*", "bin", "bun"))
		if err != nil {
			t.Fatal(err)
		}
		for _, bun := range found {
			if bun, err = filepath.Abs(bun); err != nil {
				t.Fatal(err)
			}
			if exec.Command(bun, "--version").Run() == nil {
				return script(t, bun, "bun.js", "bun")
			}
		}
		require(t, "Bun is not here, or not for this machine: make clients")
		return nil
	}},
	{name: "gorilla", command: func(t *testing.T) *exec.Cmd { return interop(t, "gorilla") }},
	{name: "coder", command: func(t *testing.T) *exec.Cmd { return interop(t, "coder") }},
}

// eachProgram runs test with all that are there.
func eachProgram(t *testing.T, test func(t *testing.T, p program)) {
	for _, p := range programs {
		t.Run(p.name, func(t *testing.T) { test(t, p) })
	}
}

// script runs a file of testdata that uses a package of npm.
func script(t *testing.T, runtime, file, needs string) *exec.Cmd {
	t.Helper()
	packages, err := filepath.Abs(npmPackages)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(packages, needs)); err != nil {
		require(t, "the npm package "+needs+" is not here: make clients")
	}
	cmd := exec.Command(runtime, filepath.Join("testdata", file))
	cmd.Env = append(os.Environ(), "NODE_PATH="+packages)
	return cmd
}

// built are the programs of bench/peers that were built, by name, in the directory that TestMain removes.
var built struct {
	dir string
	mu  sync.Mutex // guards the following
	err map[string]error
}

// interop builds a program of bench/peers, once.
func interop(t *testing.T, name string) *exec.Cmd {
	t.Helper()
	built.mu.Lock()
	defer built.mu.Unlock()
	path := filepath.Join(built.dir, name)
	err, tried := built.err[name]
	if !tried {
		build := exec.Command("go", "build", "-o", path, "./interop/"+name)
		build.Dir = peers
		out, berr := build.CombinedOutput()
		if berr != nil {
			err = fmt.Errorf("%w: %s", berr, out)
		}
		built.err[name] = err
	}
	if err != nil {
		require(t, name+" is not here: "+err.Error())
	}
	return exec.Command(path)
}

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "weir-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	built.dir, built.err = dir, map[string]error{}
	return m.Run()
}

// serve starts the program's server, which ends with the test, and returns where it listens.
func (p program) serve(t *testing.T) (addr string) {
	t.Helper()
	cmd := p.command(t)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()         // killed
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	addr, ok := strings.CutPrefix(strings.TrimSpace(line), "listening on ")
	if err != nil || !ok {
		t.Fatalf("%s says %q: %v", p.name, line, err)
	}
	go func() { _, _ = io.Copy(io.Discard, out) }() // ends with the process
	return addr
}

// run runs the program's client against url, and tells what it says: "ok name" or "not ok name: why" for each case.
func (p program) run(t *testing.T, url string, env ...string) {
	t.Helper()
	cmd := p.command(t)
	cmd.Args = append(cmd.Args, url)
	if cmd.Env == nil {
		cmd.Env = os.Environ()
	}
	cmd.Env = append(cmd.Env, env...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() }) // the test fails by what Wait says
	defer timer.Stop()
	err := cmd.Wait()
	cases := 0
	for line := range strings.Lines(out.String()) {
		verdict, ok := strings.CutPrefix(strings.TrimSpace(line), "ok ")
		name, why, _ := strings.Cut(strings.TrimPrefix(verdict, "not ok "), ": ")
		cases++
		t.Run(name, func(t *testing.T) {
			if !ok {
				t.Error(why)
			}
		})
	}
	if err != nil || cases == 0 {
		t.Errorf("%s: %v after %d cases:\n%s%s", cmd.Args, err, cases, &out, &errs)
	}
}
