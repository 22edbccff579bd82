//go:build !linux

package bench

import (
	"errors"
	"time"
)

// process reads what a process of this machine costs: on Linux only.
type process struct{}

var errNoProcess = errors.New("bench: CPU and memory of a process can be read on Linux only: leave the PID out")

func openProcess(int) (*process, error)        { return nil, errNoProcess }
func (p *process) cpu() (time.Duration, error) { return 0, errNoProcess }
func (p *process) private() (int64, error)     { return 0, errNoProcess }
func (p *process) descriptors() (int, error)   { return 0, errNoProcess }

// ownCPU is not known here.
func ownCPU() time.Duration { return 0 }
