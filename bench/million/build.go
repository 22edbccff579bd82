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

// What is built if Options name no programs.
const (
	serverPackage   = "github.com/weirws/weir/cmd/weir"
	launcherPackage = "github.com/weirws/weir/bench/million/launcher"
	// GuestCommand is the one argument that the launcher's program takes to call
	// Guest.
	GuestCommand = "guest"
)

// programs fills in Server, and Holder for a guest, of which o has none: it builds them
// in dir. What is there must be static if a guest is to run it.
func programs(ctx context.Context, o *Options, way Way, dir string) error {
	if o.Server == nil {
		path, err := build(ctx, o, serverPackage, dir)
		if err != nil {
			return err
		}
		o.Server = []string{path, "echo"}
	}
	if way != UML {
		return nil
	}
	if o.Holder == nil {
		path, err := build(ctx, o, launcherPackage, dir)
		if err != nil {
			return err
		}
		o.Holder = []string{path, GuestCommand}
	}
	return errors.Join(checkStatic(o.Server[0]), checkStatic(o.Holder[0]))
}

// build builds a static program of this module into dir.
func build(ctx context.Context, o *Options, pkg, dir string) (path string, err error) {
	path = filepath.Join(dir, filepath.Base(pkg))
	o.Log("building " + pkg)
	cmd := exec.CommandContext(ctx, "go", "build", "-ldflags=-s -w", "-o", path, pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("million: %s cannot be built here (Options name no program): %w: %s", pkg, err, strings.TrimSpace(string(out)))
	}
	return path, nil
}

// checkStatic says whether a program needs nothing but a kernel.
func checkStatic(path string) error {
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
