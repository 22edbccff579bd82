package clienttest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"

	"github.com/weirws/weir/codec"
)

// Of each case there are so many messages.
const messages = 1000

// TestHostile54Zlib: what zlib compresses we decompress, and the other way round, for every window and with a context
// and without one. zlib takes 8 bits of a raw compressor for 9.
func TestHostile54Zlib(t *testing.T) {
	const python = "/usr/bin/python3"
	for _, zlib := range []struct{ name, program, script string }{
		{"Node", "node", "testdata/zlib.js"},
		{"Python", python, "testdata/zlib.py"},
	} {
		t.Run(zlib.name, func(t *testing.T) {
			if _, err := exec.LookPath(zlib.program); err != nil {
				require(t, zlib.program+" is not here")
			}
			msgs := randomMessages(messages)
			var in bytes.Buffer
			cases := allCases()
			for _, c := range cases {
				c.write(&in, msgs)
			}
			cmd := exec.Command(zlib.program, zlib.script)
			cmd.Stdin, cmd.Stderr = &in, os.Stderr
			out, err := cmd.Output()
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range cases {
				t.Run(c.String(), func(t *testing.T) { out = c.check(t, msgs, out) })
			}
			if len(out) > 0 {
				t.Errorf("%d bytes too many came back", len(out))
			}
		})
	}
}

// require skips t because of what is not here, or fails it where that must be.
func require(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("WEIR_REQUIRE_CLIENTS") == "1" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// zlibCase is one way in which two ends agree.
type zlibCase struct {
	packs    bool // zlib compresses
	bits     int
	takeover bool
}

func allCases() (all []zlibCase) {
	for bits := codec.MinWindowBits; bits <= codec.MaxWindowBits; bits++ {
		for _, takeover := range []bool{false, true} {
			all = append(all, zlibCase{false, bits, takeover})
			if bits > codec.MinWindowBits {
				all = append(all, zlibCase{true, bits, takeover})
			}
		}
	}
	return all
}

func (c zlibCase) String() string {
	return fmt.Sprintf("bits=%d/takeover=%t/zlib compresses=%t", c.bits, c.takeover, c.packs)
}

// write writes what zlib is to do.
func (c zlibCase) write(in *bytes.Buffer, msgs [][]byte) {
	flag := map[bool]byte{true: 1}
	in.Write([]byte{flag[c.packs], byte(c.bits), flag[c.takeover]})
	in.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(msgs))))
	d := codec.NewDeflater(c.bits, 1)
	var window []byte
	for _, m := range msgs {
		if !c.packs {
			packed, err := d.Append(nil, m, window)
			if err != nil {
				panic(err)
			}
			if c.takeover {
				window = codec.AppendWindow(window, m, 1<<c.bits)
			}
			m = packed
		}
		in.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(m))))
		in.Write(m)
	}
}

// check compares what zlib made of the messages, and returns what comes behind it.
func (c zlibCase) check(t *testing.T, msgs [][]byte, out []byte) (rest []byte) {
	x := codec.NewInflater()
	var window []byte
	for i, want := range msgs {
		if len(out) < 4 || len(out)-4 < int(binary.LittleEndian.Uint32(out)) {
			t.Fatalf("message %d did not come back", i)
		}
		n := 4 + int(binary.LittleEndian.Uint32(out))
		got := out[4:n]
		out = out[n:]
		if c.packs {
			var err error
			if got, err = x.Inflate(memory{}, got, window, int64(len(want))); err != nil {
				t.Fatalf("message %d: %v", i, err)
			}
			if c.takeover {
				window = codec.AppendWindow(window, want, 1<<c.bits)
			}
		}
		if !bytes.Equal(got, want) {
			t.Fatalf("message %d came back as another: %.80q, want %.80q", i, got, want)
		}
	}
	return out
}

// memory is a Store on the heap.
type memory struct{}

func (memory) Grow(b []byte, need int) []byte { return append(make([]byte, 0, need), b...) }

// randomMessages refer to each other, near and far, and differ in what they are good for.
func randomMessages(n int) (msgs [][]byte) {
	rng := rand.New(rand.NewPCG(54, 7692))
	for i := range n {
		var m []byte
		switch i % 5 {
		case 0:
			m = make([]byte, rng.IntN(600))
			for j := range m {
				m[j] = byte(rng.Uint32())
			}
		case 1, 2:
			for range 1 + rng.IntN(20) {
				m = fmt.Appendf(m, `{"symbol":"W%02d","bid":%d.%02d,"ask":%d},`, rng.IntN(40), rng.IntN(1000), rng.IntN(100), rng.IntN(1000))
			}
		case 3:
			m = bytes.Repeat([]byte{byte('a' + i%7)}, rng.IntN(3000))
		case 4:
			if i > 5 {
				for range 3 {
					old := msgs[rng.IntN(i)]
					at := rng.IntN(len(old) + 1)
					m = append(m, old[at:min(len(old), at+rng.IntN(400))]...)
				}
			}
		}
		if i%40 > 37 { // empty ones, also one after the other: line 53
			m = nil
		}
		msgs = append(msgs, m)
	}
	return msgs
}
