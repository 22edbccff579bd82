package million

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"github.com/weirws/weir/bench"
)

// event is what a measurement tells while it runs. From a guest it comes as a line of
// its console, between those of the kernel. One field is set.
type event struct {
	Progress *bench.Progress `json:"progress,omitempty"`
	Log      string          `json:"log,omitempty"`    // a line of the server
	Error    string          `json:"error,omitempty"`  // why there is no result
	Result   *Result         `json:"result,omitempty"` // the last event
}

// eventMark begins the line of an event.
const eventMark = "@weir-million "

// Bounds of what a guest may print.
const (
	maxLine = 1 << 20 // bytes of a line
	maxTail = 30      // last lines that are kept to explain an end
)

// writeEvent writes e as one line.
func writeEvent(w io.Writer, e event) error {
	b, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("million: %w", err)
	}
	_, err = w.Write(append(append([]byte(eventMark), b...), '\n'))
	return err
}

// readEvents calls on for each event of a console until it ends. The last of the other
// lines come back.
func readEvents(r io.Reader, on func(event)) (tail []string) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		line := bytes.TrimSpace(lines.Bytes())
		if _, text, marked := bytes.Cut(line, []byte(eventMark)); marked {
			var e event
			if json.Unmarshal(text, &e) == nil {
				on(e)
				continue
			}
		}
		if len(line) > 0 && !bytes.HasPrefix(line, []byte("[<")) { // a kernel's stack explains nothing here
			tail = append(tail, string(line))
			tail = tail[max(0, len(tail)-maxTail):]
		}
	}
	_, _ = io.Copy(io.Discard, r) // after a line that is too long: the writer must not wait
	return tail
}
