package main_test

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"

	"github.com/weirws/weir/cmd/weir/internal/weirtest"
)

// TestDoctor: with few descriptors, they bind, and the fix says so.
func TestDoctor(t *testing.T) {
	shell := func(args string) weirtest.Result {
		return weirtest.RunCommand(t, exec.Command("sh", "-c", "ulimit -n 500 && exec "+weirtest.Binary()+" doctor "+args), "")
	}
	got := shell("")
	for _, want := range []string{"holds about 436 connections. What binds first is nofile.", "To raise it: ulimit -Hn ", "\nnofile ", "<- binds first", "\nsomaxconn "} {
		if !strings.Contains(got.Stdout, want) {
			t.Errorf("there is no %q in %+v", want, got)
		}
	}
	var report struct {
		Connections int64
		Binds, Fix  string
		Limits      []struct{ Name, Of, Fix string }
	}
	got = shell("-o json")
	if err := json.Unmarshal([]byte(got.Stdout), &report); err != nil || report.Connections != 436 || report.Binds != "nofile" || report.Fix == "" || len(report.Limits) < 4 {
		t.Errorf("got %+v, %v from %+v", report, err, got)
	}
	path := weirtest.File(t, "weir.yaml", "limits: {max_connections: 100000}\n")
	if got := shell("-c " + path); !strings.Contains(got.Stdout, "asks for 100,000: more than fit") {
		t.Errorf("got %+v", got)
	}
}

// TestDoctorTerminal: it is read on a screen, too.
func TestDoctorTerminal(t *testing.T) {
	term := inTerminal(t, nil, "doctor")
	term.want(`This machine holds about [0-9,]+ connections`)
	term.want(`LIMIT +VALUE +CONNECTIONS`)
	term.end(0)
}
