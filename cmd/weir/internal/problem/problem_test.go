package problem

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
)

func TestExit(t *testing.T) {
	for _, test := range []struct {
		name string
		err  error
		want int
	}{
		{"none", nil, ExitOK},
		{"any", errors.New("boom"), ExitFailure},
		{"failure", Failure(nil, "it broke", ""), ExitFailure},
		{"usage", Usage("no such flag", ""), ExitUsage},
		{"bind", Bind(nil, "port busy", ""), ExitBind},
		{"wrapped", fmt.Errorf("while serving: %w", Bind(nil, "port busy", "")), ExitBind},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := Exit(test.err); got != test.want {
				t.Errorf("got %d, want %d", got, test.want)
			}
		})
	}
}

func TestPrint(t *testing.T) {
	for _, test := range []struct {
		name string
		err  error
		want string
	}{
		{"any", errors.New("boom"), "weir: boom\n"},
		{"without a fix", Usage("no such flag", ""), "weir: no such flag.\n"},
		{"with a fix", Usage("no such flag", "Try this.\nOr that."), "weir: no such flag.\n      Try this.\n      Or that.\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var b strings.Builder
			Print(&b, test.err)
			if b.String() != test.want {
				t.Errorf("got %q, want %q", b.String(), test.want)
			}
		})
	}
}

func TestProblemIsAnError(t *testing.T) {
	p := Bind(fs.ErrPermission, "port 80 is not for everyone", "Take another.\nOr ask.")
	if !errors.Is(p, fs.ErrPermission) {
		t.Error("the cause is lost")
	}
	if got, want := p.Error(), "port 80 is not for everyone. Take another. Or ask."; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
