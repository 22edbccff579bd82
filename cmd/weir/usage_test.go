package main_test

import (
	"fmt"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"unicode/utf8"

	"github.com/weirws/weir/cmd/weir/internal/weirtest"
)

// commands are all of weir's.
var commands = [][]string{
	{},
	{"serve"}, {"check"}, {"config"}, {"token"}, {"doctor"}, {"drain"},
	{"pub"}, {"sub"}, {"top"}, {"tail"}, {"conns"}, {"topics"}, {"kick"},
	{"connect"}, {"echo"}, {"bench"}, {"version"}, {"help"}, {"completion"},
}

// groups are the commands below those of weir.
var groups = [][]string{{"config", "print"}}

// scenarios are all of weir bench's.
var scenarios = [][]string{{"bench", "echo"}, {"bench", "rate"}, {"bench", "broadcast"}, {"bench", "idle"}, {"bench", "connect"}, {"bench", "churn"}, {"bench", "soak"}, {"bench", "million"}, {"bench", "hostile"}}

// TestHelpFitsAScreen: 24 lines of 80 columns.
func TestHelpFitsAScreen(t *testing.T) {
	for _, command := range slices.Concat(commands, scenarios, groups) {
		t.Run(strings.Join(append([]string{"weir"}, command...), " "), func(t *testing.T) {
			got := weirtest.Run(t, "", append(command, "--help")...)
			if got.Exit != 0 || got.Stderr != "" {
				t.Fatalf("got %d, %q, want 0 and nothing", got.Exit, got.Stderr)
			}
			lines := strings.Split(strings.TrimSuffix(got.Stdout, "\n"), "\n")
			if len(lines) > 24 {
				t.Errorf("it has %d lines, want 24 at most:\n%s", len(lines), got.Stdout)
			}
			for _, line := range lines {
				if n := utf8.RuneCountInString(line); n > 80 {
					t.Errorf("a line has %d columns, want 80 at most:\n%s", n, line)
				}
			}
			if again := weirtest.Run(t, "", append([]string{"help"}, command...)...); len(command) > 0 && command[0] != "help" && again.Stdout != got.Stdout {
				t.Errorf("weir help says something else:\n%s", again.Stdout)
			}
		})
	}
	t.Run("weir alone", func(t *testing.T) {
		got, want := weirtest.Run(t, ""), weirtest.Run(t, "", "--help")
		if got != want {
			t.Errorf("got %+v, want the help", got)
		}
	})
}

// TestHelpNamesEveryScenario of weir bench, with what its own help says that it does.
func TestHelpNamesEveryScenario(t *testing.T) {
	help := weirtest.Run(t, "", "bench", "--help").Stdout
	for _, scenario := range scenarios {
		does, _, _ := strings.Cut(weirtest.Run(t, "", append(scenario, "--help")...).Stdout, "\n")
		if line := regexp.MustCompile(`(?m)^  ` + scenario[1] + ` +(.*)$`).FindStringSubmatch(help); line == nil || line[1] != does {
			t.Errorf("%v: got the line %q, want it to say %q:\n%s", scenario, line, does, help)
		}
	}
}

// TestHelpNamesEveryCommand of the list that this file looks at, and no other.
func TestHelpNamesEveryCommand(t *testing.T) {
	help := weirtest.Run(t, "", "--help").Stdout
	list := regexp.MustCompile(`(?s)Commands:\n(.*?)\n\n`).FindStringSubmatch(help)[1]
	var names []string
	for line := range strings.Lines(list) {
		for _, column := range regexp.MustCompile(`(?:^|  )([a-z]+) +\S`).FindAllStringSubmatch(line, -1) {
			names = append(names, column[1])
		}
	}
	var want []string
	for _, c := range commands[1:] {
		want = append(want, c[0])
	}
	for _, name := range append(names, want...) {
		if !strings.Contains(fmt.Sprint(names), name) || !strings.Contains(fmt.Sprint(want), name) {
			t.Errorf("help names %v, want %v", names, want)
			break
		}
	}
}

// TestMistakes: each is a sentence with its fix, and exit code 2.
func TestMistakes(t *testing.T) {
	for _, test := range []struct {
		args string
		want []string
	}{
		{"srve", []string{`weir has no command "srve"`, "Did you mean: weir serve"}},
		{"srve --listen :80", []string{`weir has no command "srve"`, "Did you mean: weir serve"}},
		{"fly", []string{`weir has no command "fly"`, "It is one of: ", "serve"}},
		{"--lisen", []string{"weir has no flag --lisen", "See: weir --help"}},
		{"help srve", []string{`weir has no command "srve"`, "Did you mean: weir serve"}},
		{"serve --lisen :80", []string{"weir serve has no flag --lisen", "Did you mean --listen?", "See: weir serve --help"}},
		{"serve -listen :80", []string{"weir serve has no flag -listen", "Did you mean --listen, with two dashes?"}},
		{"serve -x", []string{"weir serve has no flag -x", "See: weir serve --help"}},
		{"serve --bananas", []string{"weir serve has no flag --bananas", "See: weir serve --help"}},
		{"serve --listen", []string{"--listen wants a value"}},
		{"serve --listen 8080", []string{"--listen 127.0.0.1:8080"}},
		{"serve --listen localhost", []string{"--listen localhost:8080"}},
		{"serve 127.0.0.1:80", []string{"takes no argument", "Did you mean: weir serve --listen 127.0.0.1:80"}},
		{"serve now", []string{"takes no argument", "See: weir serve --help"}},
		{"echo --max-mesage 1k", []string{"weir echo has no flag --max-mesage", "Did you mean --max-message?"}},
		{"echo --max-message 64q", []string{"--max-message 64q is wrong", "write it like 4096, 64k or 16m"}},
		{"echo --loops many", []string{"--loops many is wrong", "whole number"}},
		{"echo --loops -1", []string{"--loops is negative"}},
		{"echo --workers -1", []string{"--workers is negative"}},
		{"echo --keepalive 30", []string{"--keepalive 30 is wrong", "like 500ms, 30s or 5m"}},
		{"echo --keepalive -30s", []string{"--keepalive is negative"}},
		{"echo --stats 9002", []string{"--stats 127.0.0.1:9002"}},
		{"connect", []string{"wants the URL", "For example: weir connect ws://"}},
		{"connect a b", []string{"wants one URL"}},
		{"connect --insecure ws://127.0.0.1/", []string{"begins with wss://", "Leave them out"}},
		{"connect --ca none.pem wss://127.0.0.1/", []string{"--ca cannot be read", "certificates in PEM"}},
		{"sub --ca none.pem --url http://127.0.0.1 news", []string{"begins with wss:// or https://"}},
		{"bench hostile --ca none.pem wss://127.0.0.1/", []string{"--ca cannot be read"}},
		{"connect ftp://127.0.0.1/", []string{"its scheme is ftp", "For example: weir connect ws://"}},
		{"connect ws://", []string{"is not a URL"}},
		{"connect -H nonsense ws://127.0.0.1/", []string{"is not a header", "--header 'Authorization: Bearer abc'"}},
		{"connect -H Sec-WebSocket-Key:x ws://127.0.0.1/", []string{"is the handshake's own"}},
		{"connect -H host:x ws://127.0.0.1/", []string{"Host is the handshake's own"}},
		{"connect -H Sec-WebSocket-Protocol:chat ws://127.0.0.1/", []string{"Try: --subprotocol chat"}},
		{"connect -s chat,superchat ws://127.0.0.1/", []string{"is not a subprotocol", "repeat the flag"}},
		{"connect --ping -1s ws://127.0.0.1/", []string{"--ping is negative"}},
		{"completion", []string{"wants the name of one shell"}},
		{"completion bsh", []string{"no completion for bsh", "Did you mean: weir completion bash"}},
		{"version now", []string{"takes no argument"}},
	} {
		t.Run(test.args, func(t *testing.T) {
			got := weirtest.Run(t, "", strings.Fields(test.args)...)
			if got.Exit != 2 || got.Stdout != "" {
				t.Errorf("exit code and output: got %d, %q, want 2 and nothing", got.Exit, got.Stdout)
			}
			if !strings.HasPrefix(got.Stderr, "weir: ") {
				t.Errorf("got %q, want weir: in front", got.Stderr)
			}
			for _, want := range test.want {
				if !strings.Contains(got.Stderr, want) {
					t.Errorf("got %q, want %q in it", got.Stderr, want)
				}
			}
		})
	}
}

func TestVersion(t *testing.T) {
	got := weirtest.Run(t, "", "version")
	if want := regexp.MustCompile(`^weir \S+ \(.*` + regexp.QuoteMeta(runtime.Version()) + `.*\)\n$`); got.Exit != 0 || !want.MatchString(got.Stdout) {
		t.Errorf("got %d, %q, want %s", got.Exit, got.Stdout, want)
	}
	if flag := weirtest.Run(t, "", "--version"); flag != got {
		t.Errorf("--version: got %+v, want %+v", flag, got)
	}
}

func TestCompletion(t *testing.T) {
	for shell, want := range map[string]string{"bash": "__start_weir", "zsh": "#compdef weir", "fish": "complete -c weir", "powershell": "Register-ArgumentCompleter"} {
		if got := weirtest.Run(t, "", "completion", shell); got.Exit != 0 || !strings.Contains(got.Stdout, want) {
			t.Errorf("%s: got %d, want 0 and %q in the script", shell, got.Exit, want)
		}
	}
	if got := weirtest.Run(t, "", "__complete", "se"); !strings.HasPrefix(got.Stdout, "serve\t") {
		t.Errorf("weir se<tab>: got %q, want serve", got.Stdout)
	}
}

// TestPortBusy starts a second server on a port: it says who has it and which
// is free, and the line that it suggests works.
func TestPortBusy(t *testing.T) {
	for _, command := range []string{"serve", "echo"} {
		t.Run(command, func(t *testing.T) {
			first := weirtest.Serve(t)
			second := weirtest.Run(t, "", command, "--listen", first.Host)
			if second.Exit != 3 || second.Stdout != "" {
				t.Errorf("exit code and output: got %d, %q, want 3 and nothing", second.Exit, second.Stdout)
			}
			want := "port busy: " + first.Host + " is held by "
			if runtime.GOOS == "linux" {
				want += fmt.Sprintf("weir (pid %d: ", first.PID())
			}
			if !strings.Contains(second.Stderr, want) {
				t.Errorf("got %q, want %q in it", second.Stderr, want)
			}
			suggested := regexp.MustCompile(`listen elsewhere: weir (serve|echo) --listen (\S+)`).FindStringSubmatch(second.Stderr)
			if suggested == nil {
				t.Fatalf("got %q, want a suggestion in it", second.Stderr)
			}
			weirtest.Start(t, suggested[1], "--listen", suggested[2]).Stdout(regexp.QuoteMeta(suggested[2]))
		})
	}
	t.Run("the port of the stats", func(t *testing.T) {
		first := weirtest.Serve(t)
		got := weirtest.Run(t, "", "echo", "--listen", "127.0.0.1:0", "--stats", first.Host)
		if got.Exit != 3 || !strings.Contains(got.Stderr, "port busy: "+first.Host) || !strings.Contains(got.Stderr, "weir echo --stats ") {
			t.Errorf("got %+v, want exit code 3 and port busy", got)
		}
	})
	t.Run("a Unix socket", func(t *testing.T) {
		addr := "unix:" + t.TempDir() + "/weir.sock"
		weirtest.Start(t, "serve", "--listen", addr).Stdout("is serving")
		got := weirtest.Run(t, "", "serve", "--listen", addr)
		if got.Exit != 3 || !strings.Contains(got.Stderr, "socket busy: ") {
			t.Errorf("got %+v, want exit code 3 and socket busy", got)
		}
	})
}

func TestCannotBind(t *testing.T) {
	for _, test := range []struct{ addr, want string }{
		{"198.51.100.7:8080", "this machine has no address 198.51.100.7"},
		{"unix:" + t.TempDir() + "/none/weir.sock", "does not exist"},
	} {
		t.Run(test.addr, func(t *testing.T) {
			got := weirtest.Run(t, "", "serve", "--listen", test.addr)
			if got.Exit != 3 || !strings.Contains(got.Stderr, test.want) {
				t.Errorf("got %d, %q, want 3 and %q in it", got.Exit, got.Stderr, test.want)
			}
		})
	}
}

// TestSecondSignal: the first one drains, which a client can delay; a second
// one does not wait.
func TestSecondSignal(t *testing.T) {
	s := weirtest.Serve(t)
	silent := newRaw(t, s.Host, "/ws?topic=a")
	s.Signal(syscall.SIGTERM)
	silent.want("\x88\x0b\x03\xf4") // the closing frame, which stays unanswered
	s.Signal(syscall.SIGTERM)
	if code := s.Wait(); code != 4 {
		t.Errorf("it ended with %d, want 4: a socket is left", code)
	}
}
