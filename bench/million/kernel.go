package million

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Debian's package, and the program in it.
const (
	kernelPackage = "user-mode-linux"
	kernelProgram = "linux.uml"
)

// FindKernel returns the path of linux.uml: the one on PATH, or else the one that an
// earlier run fetched into cache, the value of Options.Cache. "": there is none.
func FindKernel(cache string) string {
	if path, err := exec.LookPath(kernelProgram); err == nil {
		return path
	}
	o, err := Options{Cache: cache}.resolve()
	if err != nil {
		return ""
	}
	if path := filepath.Join(o.Cache, kernelProgram); checkKernel(path) == nil {
		return path
	}
	return ""
}

// checkKernel says whether a kernel is there and may be run.
func checkKernel(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("million: %w", err)
	}
	if !info.Mode().IsRegular() || info.Mode()&0o111 == 0 {
		return fmt.Errorf("million: %s is no program", path)
	}
	return nil
}

// kernel returns the path of a guest's kernel, which it fetches if it has to.
func kernel(ctx context.Context, o *Options) (path string, err error) {
	if o.Kernel != "" {
		return o.Kernel, checkKernel(o.Kernel)
	}
	if path := FindKernel(o.Cache); path != "" {
		return path, nil
	}
	for _, tool := range []string{"apt-get", "dpkg-deb"} {
		if _, err := exec.LookPath(tool); err != nil {
			return "", fmt.Errorf("million: so many connections need %s, which is not here, nor is %s to fetch it from Debian with; install User Mode Linux, or raise the limits (ulimit -Hn)", kernelProgram, tool)
		}
	}
	o.Log("fetching " + kernelPackage + " (41 MB) into " + o.Cache)
	if path, err = fetch(ctx, o.Cache); err != nil {
		return "", fmt.Errorf("million: %s is not here and cannot be fetched from Debian; install it, or raise the limits (ulimit -Hn): %w", kernelProgram, err)
	}
	return path, nil
}

// fetch downloads Debian's package, which apt verifies, and keeps its kernel in cache.
// It needs no root, and changes nothing outside of cache.
func fetch(ctx context.Context, cache string) (path string, err error) {
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp(cache, "fetch-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	if err := download(ctx, dir); err != nil {
		return "", err
	}
	packages, err := filepath.Glob(filepath.Join(dir, "*.deb"))
	if err != nil || len(packages) != 1 {
		return "", errors.Join(err, fmt.Errorf("apt-get left %d packages", len(packages)))
	}
	if err := command(ctx, dir, "dpkg-deb", "-x", packages[0], dir); err != nil {
		return "", err
	}
	path = filepath.Join(cache, kernelProgram)
	return path, os.Rename(filepath.Join(dir, "usr/bin", kernelProgram), path)
}

// download fetches the package into dir, by the lists of packages that the system has
// or, if they are missing or too old, by lists of our own.
func download(ctx context.Context, dir string) error {
	if command(ctx, dir, "apt-get", "download", kernelPackage) == nil {
		return nil
	}
	own := []string{"-o", "Dir::State::lists=" + dir + "/lists", "-o", "Dir::Cache=" + dir + "/cache"}
	for _, sub := range []string{"lists/partial", "cache/archives/partial"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return err
		}
	}
	if err := command(ctx, dir, "apt-get", append(own, "update")...); err != nil {
		return err
	}
	return command(ctx, dir, "apt-get", append(own, "download", kernelPackage)...)
}

// command runs a command in dir; what it says is part of the error.
func command(ctx context.Context, dir, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}
