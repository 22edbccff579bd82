// Package version says which build of weir this is.
package version

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// Release is set by the linker for a release:
// -ldflags "-X github.com/weirws/weir/cmd/weir/internal/version.Release=v1.2.3".
var Release string

// String is the version, then in brackets what it was built from and with.
func String() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = new(debug.BuildInfo)
	}
	return describe(Release, info)
}

// describe is String for a given build. A build of a checkout has no version
// but its commit.
func describe(release string, info *debug.BuildInfo) string {
	version := release
	if version == "" {
		version = info.Main.Version
	}
	if version == "" || version == "(devel)" {
		version = "devel"
	}
	var commit, date, dirty string
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			commit = s.Value[:min(12, len(s.Value))]
		case s.Key == "vcs.time":
			date = s.Value[:min(len("2006-01-02"), len(s.Value))]
		case s.Key == "vcs.modified" && s.Value == "true":
			dirty = ", modified"
		}
	}
	built := fmt.Sprintf("%s %s/%s", runtime.Version(), runtime.GOOS, runtime.GOARCH)
	if commit != "" {
		built = fmt.Sprintf("commit %s of %s%s, %s", commit, date, dirty, built)
	}
	return version + " (" + built + ")"
}
