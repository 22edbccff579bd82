package main_test

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/weirws/weir/cmd/weir/internal/config"
	"github.com/weirws/weir/cmd/weir/internal/weirtest"
)

// deployed is a file of docs/deploy.
func deployed(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/deploy/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestContainerfile: what it builds needs no library, and does not run as root.
func TestContainerfile(t *testing.T) {
	text := deployed(t, "Containerfile")
	m := regexp.MustCompile(`(?m)^RUN CGO_ENABLED=0 (go build .*) -o /weir (\./cmd/weir)$`).FindStringSubmatch(text)
	if m == nil || !regexp.MustCompile(`(?m)^USER [1-9]\d*:[1-9]\d*$`).MatchString(text) {
		t.Fatalf("it builds nothing, or runs as root:\n%s", text)
	}
	program := filepath.Join(t.TempDir(), "weir")
	build := exec.Command("sh", "-c", m[1]+" -o "+program+" "+m[2])
	build.Dir, build.Env = "../..", append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	f, err := elf.Open(program)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			t.Error("it is not static")
		}
	}
	out, err := exec.Command(program, "version").CombinedOutput()
	if err != nil || !strings.HasPrefix(string(out), "weir ") {
		t.Errorf("got %s, %v", out, err)
	}
}

// object is as much of a Kubernetes object as is looked at.
type object struct {
	Kind string            `yaml:"kind"`
	Data map[string]string `yaml:"data"`
	Spec struct {
		Template struct {
			Spec pod `yaml:"spec"`
		} `yaml:"template"`
	} `yaml:"spec"`
}

type pod struct {
	Grace        int   `yaml:"terminationGracePeriodSeconds"`
	ServiceLinks *bool `yaml:"enableServiceLinks"`
	Security     struct {
		NonRoot bool `yaml:"runAsNonRoot"`
	} `yaml:"securityContext"`
	Containers []struct {
		Live  probe `yaml:"livenessProbe"`
		Ready probe `yaml:"readinessProbe"`
		Ports []struct {
			Name string `yaml:"name"`
			Port int    `yaml:"containerPort"`
		} `yaml:"ports"`
	} `yaml:"containers"`
}

type probe struct {
	Get struct {
		Path string `yaml:"path"`
		Port string `yaml:"port"`
	} `yaml:"httpGet"`
}

// TestKubernetes: the configuration in the manifest is right, probes ask what
// there is, and the grace period is long enough for its drain.
func TestKubernetes(t *testing.T) {
	objects := map[string]object{}
	for _, text := range strings.Split(deployed(t, "kubernetes.yaml"), "\n---\n") {
		var o object
		if err := yaml.Unmarshal([]byte(text), &o); err != nil {
			t.Fatal(err)
		}
		objects[o.Kind] = o
	}
	const secret = "0123456789abcdef0123456789abcdef"
	c, err := config.Load(config.Source{
		File:    weirtest.File(t, "weir.yaml", objects["ConfigMap"].Data["weir.yaml"]),
		Environ: []string{"WEIR_ADMIN_TOKEN=" + secret, "WEIR_JWT_SECRET=" + secret, "WEIR_PUBLISH_KEY=" + secret},
	})
	if err != nil {
		t.Fatal(err)
	}
	pod := objects["Deployment"].Spec.Template.Spec
	if want := int((c.Drain.Delay + c.Drain.Duration + 10*time.Second).Seconds()); pod.Grace != want {
		t.Errorf("the grace period is %d s, want %d", pod.Grace, want)
	}
	if pod.ServiceLinks == nil || *pod.ServiceLinks || !pod.Security.NonRoot || len(pod.Containers) != 1 {
		t.Fatalf("got %+v", pod)
	}
	box := pod.Containers[0]
	if box.Live.Get.Path != "/livez" || box.Ready.Get.Path != "/readyz" || box.Live.Get.Port != "admin" || box.Ready.Get.Port != "admin" {
		t.Errorf("got %+v", box)
	}
	for _, port := range box.Ports {
		if at := ":" + strconv.Itoa(port.Port); port.Name == "admin" && at != c.Admin.Addr || port.Name == "ws" && at != c.Listen.Addr {
			t.Errorf("got %+v, and the configuration says %s and %s", port, c.Listen.Addr, c.Admin.Addr)
		}
	}
}

// TestSystemdUnit: systemd understands it, and waits long enough for the drain.
func TestSystemdUnit(t *testing.T) {
	text := deployed(t, "weir.service")
	c := config.Default()
	if want := "TimeoutStopSec=" + strconv.Itoa(int((c.Drain.Delay + c.Drain.Duration + 10*time.Second).Seconds())) + "\n"; !strings.Contains(text, want) {
		t.Errorf("there is no %q", want)
	}
	for _, want := range []string{"LimitNOFILE=1048576\n", "NoNewPrivileges=yes\n", "DynamicUser=yes\n", "ExecReload=/bin/kill -HUP $MAINPID\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("there is no %q", want)
		}
	}
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Log("systemd-analyze is not here to verify it")
		return
	}
	// It looks whether the program is there.
	text = strings.ReplaceAll(text, "/usr/local/bin/weir", weirtest.Binary())
	unit := filepath.Join(t.TempDir(), "weir.service")
	if err := os.WriteFile(unit, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("systemd-analyze", "verify", unit).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
