package bench

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// wellFormed fails unless b is XML.
func wellFormed(t *testing.T, b []byte) {
	t.Helper()
	d := xml.NewDecoder(bytes.NewReader(b))
	for {
		_, err := d.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, b)
		}
	}
}

func TestWritePlots(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	paths, err := aResult().WritePlots(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, path := range paths {
		names = append(names, filepath.Base(path))
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		wellFormed(t, b)
		for _, want := range []string{"prefers-color-scheme:dark", "<polyline", "echo: "} {
			if !strings.Contains(string(b), want) {
				t.Errorf("%s has no %q", path, want)
			}
		}
		if strings.Contains(string(b), "NaN") || strings.Contains(string(b), "Inf") {
			t.Errorf("%s has a coordinate that is no number", path)
		}
	}
	if want := []string{"echo-latency.svg", "echo-throughput.svg", "echo-cpu.svg"}; !reflect.DeepEqual(names, want) {
		t.Errorf("got %v, want %v", names, want)
	}
}

func TestPlotsOfNothing(t *testing.T) {
	paths, err := (&Result{Scenario: "idle", Samples: []Sample{{}, {}}}).WritePlots(t.TempDir())
	if err != nil || len(paths) != 0 {
		t.Errorf("got %v and %v, want no plot", paths, err)
	}
}

func TestBarChart(t *testing.T) {
	var b bytes.Buffer
	c := BarChart{Title: "a < b & c", Bars: []BarValue{{Name: "weir", Value: 7, Min: 6, Max: 8, Ours: true}, {Name: "zero"}}}
	if err := c.WriteSVG(&b); err != nil {
		t.Fatal(err)
	}
	wellFormed(t, b.Bytes())
	// 8 is the largest value and spans 400 pixels.
	if !strings.Contains(b.String(), `width="350.0" height="14.0" rx="2" class="bar ours"`) {
		t.Errorf("no bar of 350 pixels in\n%s", b.String())
	}
}

func TestNiceTicks(t *testing.T) {
	for _, test := range []struct {
		top  float64
		want []float64
	}{
		{0, []float64{0, 0.5, 1}},
		{7, []float64{0, 2, 4, 6, 8}},
		{250_000, []float64{0, 100_000, 200_000, 300_000}},
	} {
		if got := niceTicks(test.top, 4); !reflect.DeepEqual(got, test.want) {
			t.Errorf("%v: got %v, want %v", test.top, got, test.want)
		}
	}
}
