package million

import (
	"strings"
	"testing"
)

// big is a machine without limits that matter.
func big() *machine {
	return &machine{
		linux: true, amd64: true,
		memory: 64 << 30, room: 64 << 30,
		descriptors: 4_000_000, files: unlimited, watches: unlimited, tracked: unlimited, mappings: 65530,
	}
}

// with is a big machine but for what change does.
func with(change func(*machine)) *machine {
	m := big()
	change(m)
	return m
}

func TestChoose(t *testing.T) {
	fewDescriptors := func(m *machine) { m.descriptors = 20_000 }
	for _, row := range []struct {
		name    string
		machine *machine
		want    Way
		conns   int
		way     Way
		chosen  int
		err     string
	}{
		{name: "a machine with all", machine: big(), way: Host, chosen: 1_000_000},
		{name: "more than the default, on request", machine: big(), conns: 2_000_000, way: Host, chosen: 2_000_000},
		{name: "few descriptors", machine: with(fewDescriptors), way: UML, chosen: 1_000_000},
		{name: "few descriptors and few connections", machine: with(fewDescriptors), conns: 19_000, way: Host, chosen: 19_000},
		{name: "one more than there are", machine: with(fewDescriptors), conns: 19_001, way: UML, chosen: 19_001},
		{name: "a guest on request", machine: big(), want: UML, conns: 3000, way: UML, chosen: 3000},
		{name: "the host on request, in vain", machine: with(fewDescriptors), want: Host, conns: 50_000, err: "50,000 connections don't fit here: a process may have 20,000 descriptors (ulimit -Hn); ask for 19,000 at most"},
		{name: "few open files", machine: with(func(m *machine) { m.files = 101_000 }), conns: 60_000, way: UML, chosen: 60_000},
		{name: "few watches", machine: with(func(m *machine) { m.watches = 50_000 }), conns: 60_000, way: UML, chosen: 60_000},
		{name: "a firewall that counts", machine: with(func(m *machine) { m.tracked = 61_000 }), conns: 60_001, way: UML, chosen: 60_001},
		{name: "little memory", machine: with(func(m *machine) { m.memory = 3 << 30 }), way: Host, chosen: 185_000},
		{name: "too little memory for what was asked", machine: with(func(m *machine) { m.memory = 3 << 30 }), conns: 200_000, err: "3.00 GiB of memory are available"},
		{name: "no memory", machine: with(func(m *machine) { m.memory = 1 << 30 }), err: "there is no memory for connections"},
		{name: "a guest with little room", machine: with(func(m *machine) { fewDescriptors(m); m.room = 2 << 30 }), way: UML, chosen: 176_000},
		{name: "a guest with too little room", machine: with(func(m *machine) { fewDescriptors(m); m.room = 2 << 30 }), conns: 200_000, err: "has room for 2.00 GiB"},
		{name: "a guest without room", machine: with(func(m *machine) { fewDescriptors(m); m.room = 0 }), err: "ask for 19,000 at most"},
		{name: "no guest for this processor", machine: with(func(m *machine) { fewDescriptors(m); m.amd64 = false }), err: "amd64 only"},
		{name: "a processor with large registers", machine: with(func(m *machine) { fewDescriptors(m); m.tiles = true }), conns: 50_000, err: "ask for 19,000; User Mode Linux, which has no such limit, does not run on a processor with AMX"},
		{name: "the same, and few connections", machine: with(func(m *machine) { fewDescriptors(m); m.tiles = true }), conns: 19_000, way: Host, chosen: 19_000},
		{name: "the same, and a guest on request", machine: with(func(m *machine) { fewDescriptors(m); m.tiles = true }), want: UML, conns: 50_000, way: UML, chosen: 50_000},
		{name: "another system", machine: &machine{}, err: "needs Linux"},
	} {
		t.Run(row.name, func(t *testing.T) {
			way, chosen, err := choose(row.machine, row.want, row.conns)
			if row.err != "" {
				if err == nil || !strings.Contains(err.Error(), row.err) {
					t.Fatalf("got %v, %d and %v, want an error with %q", way, chosen, err, row.err)
				}
				return
			}
			if err != nil || way != row.way || chosen != row.chosen {
				t.Errorf("got %v, %d and %v, want %v, %d", way, chosen, err, row.way, row.chosen)
			}
		})
	}
}

func TestLocks(t *testing.T) {
	m := big()
	if m.locks(250_000) {
		t.Error("250,000 connections need no locked memory")
	}
	if !m.locks(1_000_000) {
		t.Error("a million connections need locked memory where a process may have 65,530 mappings")
	}
	if m.mappings = 1 << 20; m.locks(1_000_000) {
		t.Error("with a million mappings no memory needs to be locked")
	}
}

func TestOptions(t *testing.T) {
	for _, row := range []struct {
		name string
		o    Options
		ok   bool
	}{
		{"zero", Options{}, true},
		{"one connection", Options{Conns: 1}, false},
		{"fewer than none", Options{Conns: -5}, false},
		{"negative time", Options{Idle: -1}, false},
		{"any budget", Options{Budget: -1}, true},
		{"no such way", Options{Way: "kvm"}, false},
	} {
		o, err := row.o.resolve()
		if (err == nil) != row.ok {
			t.Errorf("%s: got %v", row.name, err)
		}
		if err == nil && (o.Budget == 0 || o.Idle == 0 || o.Settle == 0 || o.Timeout == 0 || o.Cache == "" || o.Progress == nil || o.Log == nil) {
			t.Errorf("%s: a default is missing: %+v", row.name, o)
		}
	}
}
