//go:build !linux

package main

import (
	"errors"
	"os/exec"
)

// startOn starts cmd; it cannot be bound to a CPU here.
func startOn(cmd *exec.Cmd, cpu int) error {
	if cpu >= 0 {
		return errors.New("a process can be bound to a CPU on Linux only: give --server-cpu -1 --client-cpu -1")
	}
	return cmd.Start()
}
