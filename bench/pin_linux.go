package bench

import (
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// Pin binds every thread of this process, and those that it starts later, to one
// CPU, so that a generator and a server do not get in each other's way. The
// programs that the process starts inherit it too.
func Pin(cpu int) error {
	var set unix.CPUSet
	set.Set(cpu)
	if !set.IsSet(cpu) {
		return fmt.Errorf("bench: there is no CPU %d", cpu)
	}
	// A thread that starts meanwhile may come from one that is not bound yet: look twice.
	for range 2 {
		tasks, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return fmt.Errorf("bench: %w", err)
		}
		for _, task := range tasks {
			id, err := strconv.Atoi(task.Name())
			if err != nil {
				return fmt.Errorf("bench: %w", err)
			}
			err = unix.SchedSetaffinity(id, &set)
			if err == unix.EINVAL { // of the CPUs that are left none is here
				return fmt.Errorf("bench: there is no CPU %d for this process", cpu)
			}
			if err != nil && err != unix.ESRCH {
				return fmt.Errorf("bench: CPU %d: %w", cpu, err)
			}
		}
	}
	return nil
}
