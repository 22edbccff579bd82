package bench

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"
)

// aResult has everything that a table can show.
func aResult() *Result {
	return &Result{
		Scenario: "echo", URL: "ws://127.0.0.1:9001/echo",
		Settings: []Setting{{"connections", "1000"}, {"size", "32 B binary"}},
		Seconds:  5, Unit: "message", Count: 1_234_567, PerSecond: 246_913, Payload: 32,
		Latency: &Latency{Count: 1_234_567, P50: 950, P90: 1500 * time.Microsecond, P99: 12 * time.Millisecond,
			P999: 123 * time.Millisecond, P9999: 1234 * time.Millisecond, Max: 61 * time.Second,
			Curve: []Percentile{{0, 700}, {50, 950}, {100, 61 * time.Second}}},
		Server:    &Usage{CPUMicros: 7.125, CPUSeconds: 4.9, Cores: 0.98, PrivateBytes: 7 << 20},
		Generator: &Usage{CPUMicros: 3.5, CPUSeconds: 2, Cores: 0.4},
		Endings:   &Endings{Clean: 10, FIN: 11, RST: 1200, Failed: 1, Failures: []string{"oops"}},
		Before:    &Holdings{PrivateBytes: 1 << 20, Descriptors: 8},
		After:     &Holdings{PrivateBytes: 3 << 20, Descriptors: 9},
		Samples:   []Sample{{Seconds: 2.5, PerSecond: 240_000, CPUMicros: 7}, {Seconds: 5, PerSecond: 250_000, CPUMicros: 7.2}},
	}
}

func TestWriteTable(t *testing.T) {
	var b bytes.Buffer
	if err := aResult().WriteTable(&b); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("testdata/table.txt")
	if err != nil {
		t.Fatal(err)
	}
	if got := b.String(); got != string(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// A unit has a plural, and it is spelt right.
func TestWriteTableDeliveries(t *testing.T) {
	r := aResult()
	r.Unit = "delivery"
	var b bytes.Buffer
	if err := r.WriteTable(&b); err != nil {
		t.Fatal(err)
	}
	paths, err := r.WritePlots(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		plot, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		b.Write(plot)
	}
	if got := b.String(); strings.Contains(got, "deliverys") || !strings.Contains(got, "\ndeliveries  ") || !strings.Contains(got, "deliveries per second") {
		t.Errorf("got\n%s", got)
	}
}

func TestWriteJSON(t *testing.T) {
	var b bytes.Buffer
	if err := aResult().WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	var got Result
	if err := json.Unmarshal(b.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got.Count != 1_234_567 || got.Latency.Max != 61*time.Second || got.Server.CPUMicros != 7.125 {
		t.Errorf("got %+v", got)
	}
}

func TestWriteMarkdown(t *testing.T) {
	table := Table{Header: []string{"server", "µs"}, Rows: [][]string{{"weir", "7.1"}, {"someone"}}}
	var b bytes.Buffer
	if err := table.WriteMarkdown(&b); err != nil {
		t.Fatal(err)
	}
	want := "| server  |  µs |\n|---------|----:|\n| weir    | 7.1 |\n| someone |     |\n"
	if got := b.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestFormat(t *testing.T) {
	for _, test := range []struct{ got, want string }{
		{FormatCount(0), "0"}, {FormatCount(999), "999"}, {FormatCount(-1000), "-1,000"}, {FormatCount(1234567), "1,234,567"},
		{FormatBytes(0), "0 B"}, {FormatBytes(1023), "1023 B"}, {FormatBytes(1536), "1.50 KiB"}, {FormatBytes(-2048), "-2.00 KiB"},
		{FormatDuration(950), "0.95 µs"}, {FormatDuration(12 * time.Millisecond), "12.0 ms"}, {FormatDuration(90 * time.Second), "90.0 s"},
	} {
		if test.got != test.want {
			t.Errorf("got %s, want %s", test.got, test.want)
		}
	}
}

func TestLatency(t *testing.T) {
	r := newRecorder()
	if r.latency() != nil {
		t.Error("a distribution of nothing")
	}
	for i := range int64(1000) {
		r.record((i + 1) * 1000)
	}
	r.record(int64(2 * maxLatency))
	l := r.latency()
	for _, v := range []struct {
		name      string
		got, want time.Duration
	}{{"min", l.Min, 1000}, {"p50", l.P50, 500_000}, {"p90", l.P90, 900_000}, {"p99", l.P99, 990_000}, {"max", l.Max, maxLatency}} {
		if diff := v.got - v.want; diff < -v.want/200 || diff > v.want/200 {
			t.Errorf("%s is %v, want %v", v.name, v.got, v.want)
		}
	}
	if l.Count != 1001 || l.Curve[len(l.Curve)-1].Percent != 100 {
		t.Errorf("got %+v", l)
	}
}

func TestProgressBar(t *testing.T) {
	var b bytes.Buffer
	bar := ProgressBar(&b)
	bar(Progress{Phase: "measuring", Done: 1, Total: 2, Note: "3 message/s"})
	if got := b.String(); !strings.Contains(got, "[===============               ]  50 %  3 message/s") {
		t.Errorf("got %q", got)
	}
}
