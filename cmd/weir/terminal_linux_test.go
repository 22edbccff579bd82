package main_test

import (
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/weirws/weir/cmd/weir/internal/weirtest"
	"github.com/weirws/weir/engine"
)

// terminal is a pseudo terminal in which weir runs, with what it shows.
type terminal struct {
	t      *testing.T
	master *os.File
	slave  *os.File
	cmd    *exec.Cmd

	mu    sync.Mutex // guards the following
	shown string
}

// inTerminal runs weir in a terminal of 80 columns.
func inTerminal(t *testing.T, env []string, args ...string) *terminal {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip("there are no pseudo terminals here: ", err)
	}
	t.Cleanup(func() { master.Close() })
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	slave, err := os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { slave.Close() })
	if err := unix.IoctlSetWinsize(int(slave.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 80}); err != nil {
		t.Fatal(err)
	}
	term := &terminal{t: t, master: master, slave: slave, cmd: exec.Command(weirtest.Binary(), args...)}
	term.cmd.Stdin, term.cmd.Stdout, term.cmd.Stderr = slave, slave, slave
	term.cmd.Env = append(append(os.Environ(), "TERM=xterm", "NO_COLOR="), env...)
	term.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := term.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = term.cmd.Process.Kill() }) // it has ended by itself if the test passed
	go term.read()                                    // ends when master is closed
	return term
}

func (term *terminal) read() {
	b := make([]byte, 4096)
	for {
		n, err := term.master.Read(b)
		term.mu.Lock()
		term.shown += string(b[:n])
		term.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// want waits until what was shown, without colours and corrections, matches
// pattern.
func (term *terminal) want(pattern string) {
	term.t.Helper()
	re := regexp.MustCompile(pattern)
	for end := time.Now().Add(patience); !re.MatchString(term.text()); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			term.t.Fatalf("%q is never shown:\n%q", pattern, term.text())
		}
	}
}

// text is what was shown: each row as it was last.
func (term *terminal) text() string {
	term.mu.Lock()
	defer term.mu.Unlock()
	plain := regexp.MustCompile(`\x1b\[[0-9;]*m`).ReplaceAllString(term.shown, "")
	rows := strings.Split(strings.ReplaceAll(plain, "\r\n", "\n"), "\n")
	for i, row := range rows {
		row = row[strings.LastIndexByte(row, '\r')+1:]
		rows[i] = strings.ReplaceAll(strings.ReplaceAll(row, "\x1b[K", ""), "\b", "")
	}
	return strings.Join(rows, "\n")
}

func (term *terminal) raw() string {
	term.mu.Lock()
	defer term.mu.Unlock()
	return term.shown
}

func (term *terminal) press(keys string) {
	term.t.Helper()
	if _, err := term.master.WriteString(keys); err != nil {
		term.t.Fatal(err)
	}
}

// end waits for the end of weir, and checks that the terminal is as it was.
func (term *terminal) end(want int) {
	term.t.Helper()
	ended := make(chan struct{})
	go func() { // ends with weir
		_ = term.cmd.Wait() // ExitCode says it
		close(ended)
	}()
	receive(term.t, ended, "the end")
	if got := term.cmd.ProcessState.ExitCode(); got != want {
		term.t.Errorf("got %d, want %d:\n%s", got, want, term.text())
	}
	mode, err := unix.IoctlGetTermios(int(term.slave.Fd()), unix.TCGETS)
	if err != nil {
		term.t.Fatal(err)
	}
	if on := uint32(unix.ICANON | unix.ECHO | unix.ISIG); mode.Lflag&on != on {
		term.t.Errorf("the terminal is left in raw mode: %x", mode.Lflag)
	}
}

// TestConnectTerminal types at a keyboard while messages come in.
func TestConnectTerminal(t *testing.T) {
	s := weirtest.Echo(t)
	term := inTerminal(t, nil, "connect", s.URL("ws", "/broadcast"))
	term.want(`(?s)^connected to ws://\S+/broadcast; Ctrl-C closes\n> $`)
	other := dial(t, s.URL("ws", "/broadcast"))
	other.settle()

	term.press("helo\x1b[Dl") // one correction
	term.want(`\n> hello$`)
	if err := other.SendText("news\nin two lines \x1b[2J"); err != nil {
		t.Fatal(err)
	}
	term.want(`\n< news\n  in two lines \\x1b\[2J\n> hello$`) // above what is being typed
	term.press("\r")
	term.want(`\n> hello\n< hello\n> $`)
	if err := other.Send(engine.Binary, []byte{0, 0xff}); err != nil {
		t.Fatal(err)
	}
	term.want(`\n< 00 ff \(binary, 2 bytes\)\n> $`)
	term.press("\x1b[A") // the line before
	term.want(`\n> hello$`)
	if !strings.Contains(term.raw(), "\x1b[32m> \x1b[0m") || !strings.Contains(term.raw(), "\x1b[36m< \x1b[0m") {
		t.Errorf("it has no colours: %q", term.raw())
	}
	term.press("\x03")
	term.want(`\nclosed\n$`)
	term.end(0)
}

// TestConnectTerminalEnds: Ctrl-D on an empty line ends like Ctrl-C, and a
// server's close puts the terminal back, too.
func TestConnectTerminalEnds(t *testing.T) {
	t.Run("Ctrl-D", func(t *testing.T) {
		s := weirtest.Echo(t)
		term := inTerminal(t, nil, "connect", s.URL("ws", "/"))
		term.want(`> $`)
		term.press("\x04")
		term.want(`\nclosed\n$`)
		term.end(0)
	})
	t.Run("closed by the server", func(t *testing.T) {
		s := weirtest.Serve(t)
		term := inTerminal(t, nil, "connect", s.URL("ws", "/ws?topic=a"))
		term.want(`> $`)
		term.press("hello\r")
		term.want(`\nweir: closed by the server: 1008 \(policy violation\), "this socket only listens`)
		term.end(1)
	})
	t.Run("SIGTERM", func(t *testing.T) {
		s := weirtest.Echo(t)
		term := inTerminal(t, nil, "connect", s.URL("ws", "/"))
		term.want(`> $`)
		if err := term.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		term.want(`\nclosed\n$`)
		term.end(0)
	})
	t.Run("nobody there", func(t *testing.T) {
		term := inTerminal(t, nil, "connect", "ws://127.0.0.1:1")
		term.want(`weir: nothing listens on 127.0.0.1:1`)
		term.end(1)
	})
}

// TestNoColor: NO_COLOR and a dumb terminal are honoured.
func TestNoColor(t *testing.T) {
	s := weirtest.Echo(t)
	for _, env := range []string{"NO_COLOR=1", "TERM=dumb"} {
		t.Run(env, func(t *testing.T) {
			term := inTerminal(t, []string{env}, "connect", s.URL("ws", "/"))
			term.want(`connected to`)
			term.press("hello\n")
			term.want(`\n< hello\n`)
			if regexp.MustCompile(`\x1b\[[0-9;]*m`).MatchString(term.raw()) {
				t.Errorf("it has colours: %q", term.raw())
			}
			term.press("\x03")
			term.end(0)
		})
	}
}

// TestServeTerminal: Ctrl-C stops a server, and says what it waits for.
func TestServeTerminal(t *testing.T) {
	term := inTerminal(t, nil, "serve", "--listen", "127.0.0.1:0")
	term.want(`Demo page +http://`)
	term.press("\x03")
	term.want(`Ctrl-C again ends at once`)
	term.end(0)
}
