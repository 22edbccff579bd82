package million

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"
)

// good is a result without a fault.
func good() *Result {
	r := &Result{
		Way: UML, Kernel: "6.1.176", Seconds: 540, Conns: 1_000_000, Held: 1_000_000, Budget: 256, GOGC: "100",
		RampSeconds: 352, RampRate: 2841, Sweep: 166,
		Upgrades: Tally{Done: 1_000_000}, Echoes: Tally{Done: 1000}, Pings: Tally{Done: 1_000_000},
		Trips: Trips{P50: 300 * time.Microsecond, P99: 4 * time.Millisecond, Max: 11 * time.Millisecond},
		Idle:  Idle{Seconds: 60, CPUSeconds: 0.3, Percent: 0.5},
	}
	r.Memory.Readings = []Reading{
		{Conns: 0, Private: 10 << 20, RSS: 11 << 20, Kernel: 26 << 20},
		{Conns: 0, Private: 9 << 20, Kernel: 26 << 20, Trimmed: true},
		{Conns: 500_000, Private: 200_000_000, Heap: 130_000_000, Kernel: 3_900_000_000},
		{Conns: 500_000, Private: 125_000_000, Heap: 113_000_000, Trimmed: true},
		{Conns: 1_000_000, Private: 400_000_000, RSS: 11<<20 + 401_000_000, Heap: 260_000_000, Kernel: 26<<20 + 7_650_000_000},
		{Conns: 1_000_000, Private: 247_500_000, Heap: 226_500_000, Trimmed: true},
	}
	r.Memory.slopes(r.Conns)
	return r
}

func TestSlopes(t *testing.T) {
	m := good().Memory
	for _, row := range []struct {
		name      string
		got, want float64
	}{
		{"trimmed", m.PerConn, 245},
		{"untrimmed", m.PerConnRaw, 400},
		{"heap", m.Heap, 227},
		{"RSS", m.RSSPerConn, 401},
		{"kernel", m.Kernel, 7650},
	} {
		if row.got != row.want {
			t.Errorf("%s: got %v, want %v", row.name, row.got, row.want)
		}
	}
}

func TestVerdict(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(*Result)
		want   string
	}{
		{"good", func(*Result) {}, ""},
		{"at the budget", func(r *Result) { r.Memory.PerConn = 256 }, ""},
		{"over the budget", func(r *Result) { r.Memory.PerConn = 256.5 }, "a connection costs 256.5 bytes, and the budget is 256"},
		{"over the budget with few", func(r *Result) {
			r.Conns, r.Held, r.Pings.Done, r.Memory.PerConn = 3000, 3000, 3000, 300
		}, "(of fewer than 20000 connections"},
		{"any budget", func(r *Result) { r.Memory.PerConn, r.Budget = 5000, -1 }, ""},
		{"an upgrade failed", func(r *Result) { r.Upgrades.Failed = 1 }, "1 upgrades failed"},
		{"an echo failed", func(r *Result) { r.Echoes.Failed = 2 }, "2 echoes failed"},
		{"no echo", func(r *Result) { r.Echoes.Done = 0 }, "0 echoes failed and 0 were right"},
		{"a ping failed", func(r *Result) { r.Pings = Tally{999_999, 1}; r.Failures = []string{"why"} }, "999999 of 1000000 connections answered a ping; why"},
		{"a ping was not sent", func(r *Result) { r.Pings.Done-- }, "999999 of 1000000 connections answered a ping"},
		{"one was lost", func(r *Result) { r.Held-- }, "held 999999 of 1000000"},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := good()
			row.change(r)
			err := r.Verdict()
			if row.want == "" && err != nil || row.want != "" && (err == nil || !strings.Contains(err.Error(), row.want)) {
				t.Errorf("got %v, want %q", err, row.want)
			}
		})
	}
}

func TestTable(t *testing.T) {
	var b strings.Builder
	r := good()
	r.Pings.Failed = 3
	r.Memory.Guest = 8_500_000_000
	if err := r.WriteTable(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"connections             1,000,000 held at the end of 1,000,000 wanted\n",
		"way                     User Mode Linux 6.1.176, one CPU: latency, rate and CPU are no measure of speed\n",
		"ramp                    352.0 s, 2,841 connections/s\n",
		"private memory          245.0 B per connection after one return of free memory, 400.0 B without it (GOGC=100); the budget is 256\n",
		"kernel memory           7,650 B per connection, both ends\n",
		"memory of the guest     7.92 GiB in use: server, clients and kernel\n",
		"pings answered          1,000,000 of 1,000,000 in 166.0 s, 3 FAILED\n",
		"idle CPU                0.50 % of a CPU over 60 s (0.30 s, 0.00 s of it in 0 collections), KeepAlive off\n",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("got\n%s, want it to have\n%s", b.String(), want)
		}
	}
	b.Reset()
	if err := r.WriteMarkdown(&b); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), " 1,000,000 connections |\n") || strings.Count(b.String(), "\n") != len(r.lines())+1 {
		t.Errorf("got\n%s", b.String())
	}
}

func TestJSON(t *testing.T) {
	var b bytes.Buffer
	want := good()
	if err := want.WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	got := new(Result)
	if err := json.Unmarshal(b.Bytes(), got); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestSVG(t *testing.T) {
	var b bytes.Buffer
	if err := good().WriteSVG(&b); err != nil {
		t.Fatal(err)
	}
	lines := strings.Count(b.String(), "<polyline")
	for d := xml.NewDecoder(&b); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if lines != 3 {
		t.Errorf("got %d lines, want the memory, what is left after a return, and the budget", lines)
	}
}
