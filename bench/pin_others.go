//go:build !linux

package bench

import "errors"

// Pin binds this process to one CPU: on Linux only, elsewhere it is an error.
func Pin(int) error { return errors.New("bench: a process can be bound to a CPU on Linux only") }
