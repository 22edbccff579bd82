package million

import (
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// weirPackage is what is built if Options name no programs: it is server and holder.
const weirPackage = "github.com/weirws/weir/cmd/weir"

// GuestCommand is the one argument with which weir calls Guest.
const GuestCommand = "million-guest"

// programs fills in Server, and Holder for a guest, of which o has none: it builds weir
// in dir. What is there must be static if a guest is to run it.
func programs(ctx context.Context, o *Options, way Way, dir string) error {
	if o.Server == nil || way == UML && o.Holder == nil {
		path, err := build(ctx, o, dir)
		if err != nil {
			return err
		}
		if o.Server == nil {
			o.Server = []string{path, "echo"}
		}
		if o.Holder == nil {
			o.Holder = []string{path, GuestCommand}
		}
	}
	if way != UML {
		return nil
	}
	return errors.Join(CheckStatic(o.Server[0]), CheckStatic(o.Holder[0]))
}

// build builds a static weir into dir.
func build(ctx context.Context, o *Options, dir string) (path string, err error) {
	path = filepath.Join(dir, "weir")
	o.Log("building " + weirPackage)
	cmd := exec.CommandContext(ctx, "go", "build", "-ldflags=-s -w", "-o", path, weirPackage)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("million: %s cannot be built here (Options name no program): %w: %s", weirPackage, err, strings.TrimSpace(string(out)))
	}
	return path, nil
}

// CheckStatic returns an error if a program needs more than a kernel: then it does not
// run in a guest.
func CheckStatic(path string) error {
	f, err := elf.Open(path)
	if err != nil {
		return fmt.Errorf("million: %w", err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return fmt.Errorf("million: %s is linked dynamically, and a guest has no libraries: build it with CGO_ENABLED=0", path)
		}
	}
	return nil
}
