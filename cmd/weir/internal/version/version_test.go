package version

import (
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
)

func TestDescribe(t *testing.T) {
	built := runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH
	vcs := []debug.BuildSetting{
		{Key: "vcs.revision", Value: "0123456789abcdef0123456789abcdef01234567"},
		{Key: "vcs.time", Value: "2026-11-23T10:00:00Z"},
		{Key: "vcs.modified", Value: "false"},
	}
	dirty := append(vcs[:2:2], debug.BuildSetting{Key: "vcs.modified", Value: "true"})
	for _, test := range []struct {
		name, release, module string
		settings              []debug.BuildSetting
		want                  string
	}{
		{"nothing known", "", "", nil, "devel (" + built + ")"},
		{"a checkout", "", "(devel)", vcs, "devel (commit 0123456789ab of 2026-11-23, " + built + ")"},
		{"with changes", "", "(devel)", dirty, "devel (commit 0123456789ab of 2026-11-23, modified, " + built + ")"},
		{"go install", "", "v1.2.3", nil, "v1.2.3 (" + built + ")"},
		{"a release", "v2.0.0", "(devel)", nil, "v2.0.0 (" + built + ")"},
	} {
		t.Run(test.name, func(t *testing.T) {
			info := &debug.BuildInfo{Settings: test.settings}
			info.Main.Version = test.module
			if got := describe(test.release, info); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestString(t *testing.T) {
	if got := String(); !strings.Contains(got, runtime.Version()) {
		t.Errorf("got %q, want %s in it", got, runtime.Version())
	}
}
