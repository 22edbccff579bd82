//go:build !linux

package main

import (
	"errors"
	"os/exec"
)

// checkSystem refuses a system on which nothing can be measured.
func checkSystem() error {
	return errors.New("the CPU time and the memory of a server can be read on Linux only")
}

// allowedCPUs are those that this process may run on: nobody knows.
func allowedCPUs() []int { return nil }

// startOn starts cmd; it cannot be bound to a CPU here.
func startOn(cmd *exec.Cmd, cpu int) error {
	if cpu >= 0 {
		return errors.New("a process can be bound to a CPU on Linux only: give --server-cpu -1 --client-cpu -1")
	}
	return cmd.Start()
}
