package million

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"
)

// entry is what a reader finds in an archive.
type entry struct {
	name         string
	mode         int64
	major, minor int64
	content      string
}

// readArchive reads an archive by the kernel's document, field by field.
func readArchive(t *testing.T, b []byte) (entries []entry) {
	t.Helper()
	for at := 0; ; {
		if len(b) < at+110 {
			t.Fatalf("the archive ends at %d without a trailer", len(b))
		}
		head := b[at : at+110]
		if string(head[:6]) != "070701" {
			t.Fatalf("at %d: magic is %q", at, head[:6])
		}
		field := func(i int) int64 {
			v, err := strconv.ParseInt(string(head[6+8*i:14+8*i]), 16, 64)
			if err != nil {
				t.Fatalf("at %d: field %d: %v", at, i, err)
			}
			return v
		}
		nameLen, size := int(field(11)), int(field(6))
		name := string(b[at+110 : at+110+nameLen])
		if !strings.HasSuffix(name, "\x00") {
			t.Fatalf("at %d: the name %q does not end", at, name)
		}
		content := (at + 110 + nameLen + 3) &^ 3
		e := entry{name: name[:nameLen-1], mode: field(1), major: field(9), minor: field(10), content: string(b[content : content+size])}
		if e.name == "TRAILER!!!" {
			if rest := len(b) - content; rest != 0 {
				t.Errorf("%d bytes follow the trailer", rest)
			}
			return entries
		}
		entries = append(entries, e)
		at = (content + size + 3) &^ 3
	}
}

func TestArchive(t *testing.T) {
	var b bytes.Buffer
	a := archive{w: &b}
	a.directory("dev")
	a.device("dev/console", 5, 1)
	for n := range 5 { // all paddings
		a.file("file"+strings.Repeat("x", n), int64(n), strings.NewReader(strings.Repeat("c", n)))
	}
	if err := a.end(); err != nil {
		t.Fatal(err)
	}
	want := []entry{{"dev", 0o040755, 0, 0, ""}, {"dev/console", 0o020666, 5, 1, ""}}
	for n := range 5 {
		want = append(want, entry{"file" + strings.Repeat("x", n), 0o100755, 0, 0, strings.Repeat("c", n)})
	}
	if got := readArchive(t, b.Bytes()); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got\n%v, want\n%v", got, want)
	}
}

func TestArchiveTellsOfErrors(t *testing.T) {
	a := archive{w: io.Discard}
	a.file("short", 10, strings.NewReader("123"))
	if err := a.end(); err == nil || !strings.Contains(err.Error(), "3 bytes of 10") {
		t.Errorf("a short file: got %v", err)
	}
	full := errors.New("no space")
	a = archive{w: failing{full}}
	a.directory("dev")
	if err := a.end(); !errors.Is(err, full) {
		t.Errorf("a full disk: got %v", err)
	}
}

// failing is a writer that fails.
type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }
