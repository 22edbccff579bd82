package million

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"github.com/weirws/weir/bench"
)

func TestEvents(t *testing.T) {
	want := []event{
		{Progress: &bench.Progress{Phase: "connecting", Done: 1, Total: 2, Note: "50 %"}},
		{Error: "one\ntwo"},
		{Result: good()},
	}
	var console bytes.Buffer
	console.WriteString("Linux version 6.1\r\n\r\n")
	for _, e := range want {
		console.WriteString("[ 1.2] a kernel's line \r\n[<6004>] ? panic+0x0\r\nno end of line ")
		if err := writeEvent(&console, e); err != nil {
			t.Fatal(err)
		}
	}
	console.WriteString(eventMark + "{half an event\r\n" + strings.Repeat("x", maxLine+1) + "\r\nafter it")
	var got []event
	tail := readEvents(&console, func(e event) { got = append(got, e) })
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if console.Len() != 0 {
		t.Errorf("%d bytes were not read", console.Len())
	}
	if all := strings.Join(tail, "\n"); !strings.Contains(all, "Linux version") || !strings.Contains(all, "half an event") || strings.Contains(all, "panic") {
		t.Errorf("got the other lines %q", tail)
	}
}

func TestEventsKeepTheLastLines(t *testing.T) {
	tail := readEvents(strings.NewReader(strings.Repeat("first\n", 100)+strings.Repeat("last\n", maxTail)), func(event) {})
	if len(tail) != maxTail || tail[0] != "last" {
		t.Errorf("got %d lines from %q on, want %d of the last", len(tail), tail[0], maxTail)
	}
}
