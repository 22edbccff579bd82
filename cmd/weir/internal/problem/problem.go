// Package problem holds what weir tells its user when something does not work:
// a sentence, the fix, and the exit code.
package problem

import (
	"errors"
	"fmt"
	"io"
	"strings"
)

// The exit codes of weir.
const (
	ExitOK      = 0
	ExitFailure = 1 // it was started right, and failed
	ExitUsage   = 2 // the command line is wrong
	ExitBind    = 3 // the address cannot be listened on
	ExitLeft    = 4 // a drain ended, and connections were left
)

// Problem is an error that says how to mend it.
type Problem struct {
	// Exit is the exit code that the process ends with.
	Exit int
	// What says in a sentence, without its full stop, what is wrong.
	What string
	// Fix says what to do about it, in sentences or as a command; may be empty.
	Fix string
	// Lines are written before What, each as it is: what a tool finds, for editors
	// that jump to places.
	Lines []string
	// Err is the cause, for errors.Is and errors.As; may be nil. What says it
	// already.
	Err error
}

// Failure is a Problem with [ExitFailure].
func Failure(err error, what, fix string) *Problem {
	return &Problem{Exit: ExitFailure, What: what, Fix: fix, Err: err}
}

// Usage is a Problem with [ExitUsage].
func Usage(what, fix string) *Problem {
	return &Problem{Exit: ExitUsage, What: what, Fix: fix}
}

// Bind is a Problem with [ExitBind].
func Bind(err error, what, fix string) *Problem {
	return &Problem{Exit: ExitBind, What: what, Fix: fix, Err: err}
}

// Error returns What and Fix in one line.
func (p *Problem) Error() string {
	if p.Fix == "" {
		return p.What
	}
	return p.What + ". " + strings.ReplaceAll(p.Fix, "\n", " ")
}

// Unwrap returns the cause.
func (p *Problem) Unwrap() error { return p.Err }

// Exit returns the exit code that err stands for.
func Exit(err error) int {
	if err == nil {
		return ExitOK
	}
	var p *Problem
	if errors.As(err, &p) {
		return p.Exit
	}
	return ExitFailure
}

// Print writes err to w the way that every weir command does.
func Print(w io.Writer, err error) {
	const lead = "weir: "
	var p *Problem
	if !errors.As(err, &p) {
		fmt.Fprintln(w, lead+err.Error())
		return
	}
	for _, line := range p.Lines {
		fmt.Fprintln(w, line)
	}
	fmt.Fprintln(w, lead+p.What+".")
	if p.Fix == "" {
		return
	}
	indent := strings.Repeat(" ", len(lead))
	for line := range strings.SplitSeq(p.Fix, "\n") {
		fmt.Fprintln(w, indent+line)
	}
}
